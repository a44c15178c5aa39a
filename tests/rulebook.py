"""The text of every rule, by name, for tests of what all rules have in common."""

import re

from workflow import ROOT

RULES = {
    match[1]: match[0]
    for path in (ROOT / "rules").glob("*.smk")
    for match in re.finditer(r"^rule (\w+):\n(?:(?:    .*)?\n)*", path.read_text(), re.M)
}
WORKING = sorted(name for name, text in RULES.items() if "    script:" in text)
