"""The minimum Rust version, where no compiler of that version is at hand: msrv.py VERSION.

Fails where a dependency of the library wants a later one, and where a source uses syntax that is
younger. (Since when an item of the standard library is stable is clippy's to know.)
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# What has been stabilised since 1.89, with the version that did it.
SYNTAX = {
    r"\bif let\b[^;{]*=>": ("`if let` in the guard of a match arm", (1, 95)),
    r"\bcfg_select!": ("`cfg_select!`", (1, 95)),
    r"\basm!\((?:[^)]|\n)*#\[cfg": ("`cfg` on a line of assembly", (1, 93)),
}


def version(text):
    return tuple(int(part) for part in text.split("."))[:2]


def dependencies(least):
    command = ["cargo", "metadata", "--format-version", "1", "--all-features"]
    host = re.search("host: (.*)", subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout)
    command += ["--filter-platform", host[1]]
    data = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = next(id for id, package in packages.items() if package["name"] == "kernlet")
    reached, waiting = {root}, [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            linked = any(kind["kind"] is None or kind["kind"] == "build" for kind in dependency["dep_kinds"])
            if linked and dependency["pkg"] not in reached:
                reached.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    for id in sorted(reached):
        package = packages[id]
        if package["rust_version"] and version(package["rust_version"]) > least:
            yield f"{package['name']} {package['version']} wants Rust {package['rust_version']}"


def syntax(least):
    for path in sorted(Path("src").rglob("*.rs")):
        code = re.sub("//.*", "", path.read_text())
        for pattern, (what, since) in SYNTAX.items():
            for match in re.finditer(pattern, code) if since > least else ():
                yield f"{path}:{code[: match.start()].count(chr(10)) + 1}: {what} wants Rust {since[0]}.{since[1]}"


wrong = [*dependencies(version(sys.argv[1])), *syntax(version(sys.argv[1]))]
print("\n".join(wrong) or f"nothing wants more than Rust {sys.argv[1]}")
sys.exit(bool(wrong))
