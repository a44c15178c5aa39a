# Every figure is drawn from a table, so a laptop without checkpoints draws them all.


rule figures:
    input:
        [],
    """Target: all figures as PNG and PDF."""
    localrule: True
