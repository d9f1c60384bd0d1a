"""A Markdown page as scripts/docs-test reads it: its blocks, and what can be held of it without running anything."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What a block may be that is no console. Whatever else a page shows has to say which of these it is.
DATA = ["hcl", "ini", "json", "promql", "swift", "text", "yaml"]
# Programs that the tests have not, since they need an account, a cluster or another machine, or build what is being tested.
ELSEWHERE = ["apt", "az", "gcloud", "make", "skopeo", "swift", "systemctl"]
# Of the others, those that a block which is not run may have besides.
SHELL = ["do", "done", "for", "echo", ".build-fuzz/fuzz"]


class Failed(Exception):
    pass


class Block:
    """`language` is `before` for what a comment has run; `attributes` are the words behind the language."""

    def __init__(self, first, language, attributes, indent=""):
        self.first = first
        self.language = language
        self.attributes = attributes
        self.indent = indent
        self.lines = []

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"


def blocks(text):
    """Every block of the page, in its order."""
    block, blank, listed = None, True, False
    for number, line in enumerate(text.split("\n"), 1):
        if block is not None:
            if line.strip() == ("-->" if block.language == "before" else "```"):
                yield block
                block = None
            else:
                block.lines.append(line.removeprefix(block.indent))
        elif opening := re.match(r"( *)```\s*(\S*)(.*)$", line):
            words = dict(word.partition("=")[::2] for word in opening[3].split())
            block = Block(number + 1, opening[2], words, opening[1])
        elif line.startswith("<!-- docs-test: before"):
            block = Block(number + 1, "before", {})
        elif line.startswith("    ") and blank and not listed:
            raise Failed(f"line {number}: a block by indentation; put it between fences that say what it is")
        elif line.strip() and not line.startswith(" "):
            listed = re.match(r"([-*+]|\d+\.) ", line) is not None
        blank = not line.strip()
    if block is not None:
        raise Failed(f"line {block.first}: the block has no end")


def commands(block):
    """Commands of a console block with the lines that each is to print."""
    found = []
    for number, line in enumerate(block.lines, block.first):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif line.startswith("> ") and found and not found[-1][2]:
            found[-1][1].append(line[2:])
        elif found:
            found[-1][2].append(line)
        else:
            raise Failed(f"line {number}: a console block begins with a command")
    return [(number, "\n".join(command), output) for number, command, output in found]


# MARK: - Links


def anchor(heading):
    """The anchor that GitHub gives a heading."""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower())
    return words.replace(" ", "-")


def check_links(page, text):
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"\w+:", target):
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            raise Failed(f"a link leads to {target}, which is not there")
        if heading and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(), flags=re.M)
            if heading not in [anchor(one) for one in headings]:
                raise Failed(f"a link leads to {target}, where no such heading is")


# MARK: - Commands in the text


def check_inline(text, help):
    """`secrets-agent …` between backquotes: its commands and options are those of the executable."""
    prose = re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.M | re.S)
    spans = [span.split() for span in re.findall(r"`(secrets-agent [^`\n]+)`", prose)]
    whole = help()["command"] if spans else {}
    for words in spans:
        command, options = whole, long_options(whole)
        for word in (word.strip("[]") for word in words[1:]):
            within = {one["commandName"]: one for one in command.get("subcommands", [])}
            if word == "--":
                break
            if word in within:
                command = within[word]
                options |= long_options(command)
            elif command is whole and not word.startswith("-"):
                raise Failed(f"`{' '.join(words)}`: there is no such command")
            elif word.startswith("--") and word.partition("=")[0] not in options:
                raise Failed(f"`{' '.join(words)}`: there is no such option")


def long_options(command):
    return {f"--{name['name']}" for one in command.get("arguments", []) for name in one.get("names", [])}


# MARK: - Blocks that are not run


def check(block):
    """Whether a block that is not run holds what it claims to be."""
    if block.language in ("sh", "bash", "shell"):
        if "title" not in block.attributes:
            check_not_run(block)
        return
    if block.language not in DATA:
        raise Failed(f"line {block.first - 1}: ```{block.language}: not one of console, sh, {', '.join(DATA)}")
    if "in" in block.attributes:
        check_quoted(block)
    if block.language == "yaml":
        check_yaml(block)
    elif block.language == "json":
        try:
            json.loads(block.text)
        except ValueError as error:
            raise Failed(f"line {block.first}: not JSON: {error}")
    elif block.language == "promql":
        check_promql(block)
    elif block.language in ("hcl", "ini") and not {"title", "in"} & block.attributes.keys():
        raise Failed(f"line {block.first - 1}: nothing holds the block: give it a title, and use it, or say which file it stands in")


def check_quoted(block):
    """`in=FILE`: the lines stand so in that file of the repository, whatever their indentation."""
    file = ROOT / block.attributes["in"]
    text = "\n".join(line.strip() for line in file.read_text().split("\n")) if file.exists() else ""
    if "\n".join(line.strip() for line in block.lines) not in text:
        raise Failed(f"line {block.first}: these lines do not stand in {block.attributes['in']}")


def check_yaml(block):
    try:
        documents = list(yaml.safe_load_all(block.text))
    except yaml.YAMLError as error:
        raise Failed(f"line {block.first}: not YAML: {error}")
    kind = block.attributes.get("schema")
    if kind is None:
        return
    schema = json.loads((ROOT / f"config/{kind}.schema.json").read_text())
    for document in documents:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            raise Failed(f"line {block.first}: not of config/{kind}.schema.json: {error.json_path}: {error.message}")


def check_promql(block):
    """Each line by promtool, which reads expressions in rules."""
    if shutil.which("promtool") is None:
        raise Failed("promtool is not there; see `make setup`")
    lines = [line.split(" # ")[0].strip() for line in block.lines]
    rules = {"groups": [{"name": "page", "rules": [{"alert": "A", "expr": line} for line in lines]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(rules, file)
        file.flush()
        said = subprocess.run(["promtool", "check", "rules", "--lint=none", file.name], capture_output=True, text=True)
    if said.returncode != 0:
        raise Failed(f"line {block.first}: {said.stdout}{said.stderr}")


def check_not_run(block):
    """`sh not-run`: only for commands that cannot be run here, and in bash's grammar. Goals of make are there, and so are tests."""
    if "not-run" not in block.attributes:
        raise Failed(f"line {block.first - 1}: make it a console block, which is run, or say `sh not-run`")
    said = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    if said.returncode != 0:
        raise Failed(f"line {block.first}: {said.stderr}")
    script = re.sub(r"(^|\s)#.*$", "", block.text.replace("\\\n", " "), flags=re.M)
    # Words between single or double quotes are arguments, but for the commands in `$(…)`.
    for command in re.split(r"[;&|\n]|\$\(|\bdo\b", script):
        words = [word for word in command.split() if not re.match(r"\w+=", word)]
        if not words or not re.match(r"[\w./-]+$", words[0]):
            continue
        if words[0] not in ELSEWHERE + SHELL:
            raise Failed(f"line {block.first}: `{words[0]}` can be run here; put it into a console block")
        if words[0] == "make":
            check_make(block, [word for word in command.split()[1:] if re.match(r"[a-z-]+$", word)])
    for name in re.findall(r"--filter (\w+)", script):
        if not any(name in file.parts or f"struct {name} " in file.read_text() for file in ROOT.glob("Tests/**/*.swift")):
            raise Failed(f"line {block.first}: no tests are called {name}")


def check_make(block, goals):
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    for goal in goals:
        if goal not in known:
            raise Failed(f"line {block.first}: the Makefile has no {goal}")
