"""What scripts/demo, scripts/test and scripts/bench share: a virtual environment in .venv, made once and reused.

Needs nothing but Python >= 3.10 with pip. A step says what it does in one line; a failure is one line too.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "netgraph-stamp.json"
NEWEST_FIRST = ["python3.13", "python3.12", "python3.11", "python3.10"]


def say(text):
    print(f"[netgraph] {text}", file=sys.stderr, flush=True)


def fail(text, status=1):
    say(f"error: {text}")
    sys.exit(status)


def tool(name):
    """A command that the environment brings: "pytest", "ruff", "netgraph" …"""
    return PYTHON.parent / (name + (".exe" if os.name == "nt" else ""))


def use_new_enough_python(script):
    """Go on under a Python >= 3.10: this one, or the newest on the path that answers."""
    if sys.version_info >= (3, 10):  # noqa: UP036 (older ones get as far as this line)
        return
    for name in NEWEST_FIRST:
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(found, [found, script, *sys.argv[1:]])
    fail("Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; install one and run this again")


def fingerprint():
    """Changes whenever the environment has to be installed anew."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "scripts/constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def set_up(extras=()):
    """Make .venv hold the package (editable) and the given extras; at no cost where it already does."""
    wanted = {"fingerprint": fingerprint(), "python": sys.version.split()[0], "extras": sorted(extras)}
    had = _read_stamp()
    if had and had["python"] != wanted["python"]:
        say(f"removing .venv, made by Python {had['python']}")
        shutil.rmtree(VENV)
        had = None
    if had and had["fingerprint"] == wanted["fingerprint"] and set(wanted["extras"]) <= set(had["extras"]):
        say("environment .venv is current")
        return
    pip = _pip(had)
    wanted["extras"] = sorted({*wanted["extras"], *(had["extras"] if had else [])})
    names = "[" + ",".join(wanted["extras"]) + "]" if wanted["extras"] else ""
    say(f"installing netgraph-nn{names} into .venv (torch is large: the first time takes minutes)")
    STAMP.unlink(missing_ok=True)
    command = [*pip, "install", "--quiet", "--disable-pip-version-check"]
    # compat: the root on Python's path; a script that lies beside the clone would else import the clone's own folder
    command += ["--config-settings", "editable_mode=compat"]
    command += ["-c", str(ROOT / "scripts" / "constraints.txt"), "-e", f"{ROOT}{names}"]
    if subprocess.call(command, cwd=ROOT, stdout=sys.stderr) != 0:
        fail("pip could not install the dependencies (its own message stands above)")
    STAMP.write_text(json.dumps(wanted))


def _read_stamp():
    try:
        stamp = json.loads(STAMP.read_text())
        return stamp if PYTHON.exists() and {"fingerprint", "python", "extras"} <= set(stamp) else None
    except (OSError, ValueError):
        return None


def _pip(had):
    """The pip command that installs into .venv, which is made first where it is missing."""
    if not had or not PYTHON.exists():
        if VENV.exists():
            shutil.rmtree(VENV)
        say(f"making .venv with Python {sys.version.split()[0]}")
        whole = subprocess.call([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL) == 0
        made = subprocess.call([sys.executable, "-m", "venv", *([] if whole else ["--without-pip"]), str(VENV)])
        if made != 0 or not PYTHON.exists():
            fail("this Python cannot make a virtual environment; install its venv module (Debian: python3-venv)")
    if subprocess.call([str(PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return [str(PYTHON), "-m", "pip"]
    if subprocess.call([sys.executable, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        # Debian's python3 has no ensurepip unless python3-venv is there; its own pip can install from outside
        return [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    return fail("pip is missing; install it for " + sys.executable)


def run(command, cwd=None):
    """Run it (where the user stands, unless told otherwise); the exit status, 130 after Ctrl-C."""
    try:
        return subprocess.call([str(part) for part in command], cwd=cwd)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
