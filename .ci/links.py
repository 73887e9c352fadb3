"""Every relative link in a Markdown file of the repository leads somewhere, to a heading if it names one."""

import re
import subprocess
import sys
from pathlib import Path


def anchors(path):
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


wrong = []
for name in subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True).stdout.split():
    path = Path(name)
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", path.read_text(), flags=re.S)):
        if re.match("[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = path.parent / file if file else path
        if not to.exists() or (anchor and anchor not in anchors(to)):
            wrong.append(f"{path}: {target}")
print("\n".join(wrong) or "all links lead somewhere")
sys.exit(bool(wrong))
