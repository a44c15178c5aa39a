#!/usr/bin/env bash
# A SLURM of one's own on this machine, as root: two or more node daemons with a fake GPU each, a controller and a
# database for accounting. Debian's packages, all state below DIR; only the links in /etc/slurm and the socket of munge
# lie elsewhere, since SLURM's steps and its database daemon find them nowhere else.
#
#   cluster.sh install          the packages, where they are missing
#   cluster.sh start DIR [N]    N nodes (2), named n1, n2, ...; returns when all of them are idle
#   cluster.sh node DIR NAME    start the daemon of one node again
#   cluster.sh stop DIR         end every daemon that `start` started, and remove the links
set -euo pipefail

conf() { echo "/etc/slurm/$1"; }

install() {
    command -v slurmctld slurmdbd munged mariadbd > /dev/null && return
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurm-wlm slurmdbd munge mariadb-server > /dev/null
}

# Wait up to 60 s for a command to succeed.
await() {
    for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.2; done
    echo "gave up waiting for: $*" >&2
    return 1
}

# Start a daemon in the background and note its process.
daemon() {
    local name=$1
    shift
    setsid "$@" > "$D/log/$name.out" 2>&1 < /dev/null &
    echo $! > "$D/run/$name.pid"
}

node() { daemon "slurmd.$1" slurmd -D -N "$1"; }

settings() {
    local memory
    memory=$(awk '/MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
    cat > "$D/slurm.conf" << X
ClusterName=kindred
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$D/state
SlurmdSpoolDir=$D/spool/%n
SlurmctldPidFile=$D/run/slurmctld.own
SlurmdPidFile=$D/run/slurmd.%n.own
SlurmctldLogFile=$D/log/slurmctld.log
SlurmdLogFile=$D/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=300
SlurmdTimeout=30
KillWait=5
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=16819
AccountingStorageTRES=gres/gpu
NodeName=n[1-$N] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[17001-$((17000 + N))] CPUs=1 RealMemory=$memory Gres=gpu:fake:1 State=UNKNOWN
PartitionName=main Nodes=n[1-$N] Default=YES MaxTime=UNLIMITED State=UP
X
    # A count alone leaves the node invalid; a device file of any kind will do.
    cat > "$D/gres.conf" << X
AutoDetect=off
NodeName=n[1-$N] Name=gpu Type=fake File=/dev/null
X
    echo "CgroupAutomount=no" > "$D/cgroup.conf"
    cat > "$D/slurmdbd.conf" << X
AuthType=auth/munge
DbdHost=localhost
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=local
StorageLoc=slurm_acct_db
LogFile=$D/log/slurmdbd.log
PidFile=$D/run/slurmdbd.own
X
    chmod 600 "$D/slurmdbd.conf"
}

database() {
    local sock="$D/run/db/sock" user
    mkdir -p "$D/db" "$D/run/db"
    chown mysql "$D/db" "$D/run/db"
    mariadb-install-db --user=mysql --datadir="$D/db" --auth-root-authentication-method=normal --skip-test-db \
        > "$D/log/database-install.log" 2>&1
    daemon database mariadbd --no-defaults --user=mysql --datadir="$D/db" --socket="$sock" --pid-file="$D/run/db/own" \
        --bind-address=127.0.0.1 --port=13306 --innodb-lock-wait-timeout=900
    await mariadb-admin --socket="$sock" ping
    mariadb --socket="$sock" -e "create database slurm_acct_db"
    for user in "slurm@'127.0.0.1'" "slurm@localhost"; do
        mariadb --socket="$sock" \
            -e "create user $user identified by 'local'; grant all on slurm_acct_db.* to $user"
    done
}

start() {
    if [ -e "$(conf slurm.conf)" ]; then
        echo "$(conf slurm.conf) is there: this machine has a SLURM already" >&2
        exit 3
    fi
    mkdir -p "$D"/{run,log,state,munge} /run/munge /etc/slurm
    chmod 755 "$D" /run/munge
    chmod 700 "$D/munge"
    for at in $(seq "$N"); do mkdir -p "$D/spool/n$at"; done
    settings
    (umask 077 && head -c 1024 /dev/urandom > "$D/munge/key")
    daemon munged munged --foreground --force --key-file="$D/munge/key" --socket=/run/munge/munge.socket.2 \
        --pid-file="$D/run/munged.own" --log-file="$D/log/munged.log" --seed-file="$D/munge/seed"
    await munge -n
    for name in slurm gres cgroup slurmdbd; do ln -s "$D/$name.conf" "$(conf $name.conf)"; done
    database
    daemon slurmdbd slurmdbd -D
    await sacctmgr -n list cluster
    sacctmgr -i -Q add cluster kindred
    sacctmgr -i -Q add account tests Description=tests Organization=tests
    sacctmgr -i -Q add user root Account=tests
    daemon slurmctld slurmctld -i -D
    for at in $(seq "$N"); do node "n$at"; done
    await idle
}

idle() { [ "$(sinfo -h -p main -t idle -o %D)" = "$N" ]; }

empty() { [ -z "$(squeue -h)" ]; }

stop() {
    local file pid name
    # Jobs first: without their node daemon they would go on for ever.
    if timeout 10 scancel --quiet --user=root 2> /dev/null; then await empty || true; fi
    for file in "$D"/run/{slurmctld,slurmd.n*,slurmdbd,database,munged}.pid; do
        [ -s "$file" ] || continue
        pid=$(cat "$file")
        kill "$pid" 2> /dev/null || true
        for _ in $(seq 50); do kill -0 "$pid" 2> /dev/null || break; sleep 0.2; done
        kill -9 "$pid" 2> /dev/null || true
        rm "$file"
    done
    # With the links left, every later snakemake would wait for a controller that is gone.
    for name in slurm gres cgroup slurmdbd; do
        if [ "$(readlink "$(conf $name.conf)")" = "$D/$name.conf" ]; then rm "$(conf $name.conf)"; fi
    done
}

what=${1:?install, start DIR, node DIR NAME, or stop DIR}
[ "$what" = install ] || D=$(realpath -m "${2:?a folder}")
N=2
case $what in
    install) install ;;
    start) N=${3:-2}; start ;;
    node) node "${3:?a node}" ;;
    stop) stop ;;
    *) echo "no such thing: $what" >&2; exit 2 ;;
esac
