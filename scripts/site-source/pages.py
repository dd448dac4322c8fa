"""Sphinx extension: navigation in four kinds, addresses of moved pages and anchors, and llms.txt."""

import json
import os
import re
import tomllib
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

HERE = Path(__file__).parent
NAVIGATION = tomllib.loads((HERE / "navigation.toml").read_text())
OWN = (*NAVIGATION, "index")
DOORS = ("tutorial", "how-to", "reference", "explanation")
log = logging.getLogger(__name__)

MOVED_PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Moved</title>
<script>
  const moved = {moved};
  location.replace(moved[decodeURIComponent(location.hash.slice(1))] ?? moved[""] + location.hash);
</script>
<noscript><meta http-equiv="refresh" content="0; url={target}"></noscript>
<p>This page has moved to <a href="{target}">{target}</a>.
"""
_ARTICLE = '<article role="main" id="furo-main-content">'
# A table of Markdown needs a row of headers, also if it has no names of columns.
_EMPTY_HEAD = re.compile(r"<thead>\s*<tr[^>]*>(?:\s*<th[^>]*>(?:<p></p>)?</th>)+\s*</tr>\s*</thead>")
MOVED_ANCHORS = """addEventListener("DOMContentLoaded", () => {{
  const moved = {moved};
  function follow() {{
    const anchor = decodeURIComponent(location.hash.slice(1));
    if (moved[anchor] && !document.getElementById(anchor)) location.replace(moved[anchor]);
  }}
  addEventListener("hashchange", follow);
  follow();
}});"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx. `site_moved` names the file of moved addresses."""
    app.add_config_value("site_summary", "", "html", str)
    app.add_config_value("site_moved", str(HERE / "moved.json"), "html", str)
    app.connect("source-read", _fill)
    app.connect("html-page-context", _follow_anchors)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True}


def _pages(app: Sphinx, kind: str) -> dict[str, str]:
    """Return the pages of a kind in their order, each with its line."""
    found: dict[str, str] = {}
    for pattern, line in NAVIGATION[kind]["pages"].items():
        paths = sorted(Path(app.srcdir).glob(f"{pattern}.md"))
        if not paths:
            log.warning("navigation.toml: there is no page %s", pattern)
        found |= {path.relative_to(app.srcdir).with_suffix("").as_posix(): line for path in paths}
    return found


def _recipes(app: Sphinx) -> dict[str, str]:
    """Return the recipes in the order of their list, each with the last cell of its row."""
    path = Path(app.srcdir, "docs/recipes.md")
    rows = re.findall(r"\]\((recipes/[\w-]+)\.md\) \|.*\| (.+) \|$", path.read_text(), re.MULTILINE)
    return {f"docs/{page}": line for page, line in rows}


def _toctree(*entries: str) -> str:
    return "\n".join(["```{toctree}", ":hidden:", ":glob:", *entries, "```"])


def _door(app: Sphinx, kind: str) -> str:
    return kind if Path(app.srcdir, f"{kind}.md").is_file() else next(iter(_pages(app, kind)))


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Fill in the lists of pages where a page has a marker for them."""
    text = source[0]
    if page == "index" and "<!-- navigation -->" in text:
        doors = [(NAVIGATION[kind], _door(app, kind)) for kind in DOORS]
        boxes = [f"- [{kind['title']}](/{door}.md)\n\n  {kind['about']}" for kind, door in doors]
        text = text.replace("<!-- doors -->", "\n".join(["````{container} doors", *boxes, "````"]))
        text = text.replace("<!-- first picture -->", _first_picture(app))
        text = text.replace("<!-- navigation -->", _toctree(*(_door(app, kind) for kind in NAVIGATION)))
    elif page in NAVIGATION:
        pages = _pages(app, page)
        lines = [f"- [](/{name}.md): {line}" for name, line in pages.items() if "/results/" not in name]
        text = text.replace("<!-- pages -->", "\n".join([*lines, "", _toctree(*pages)]))
    elif page == "docs/recipes" and Path(app.srcdir, "docs/recipes").is_dir():
        text += "\n" + _toctree(*(f"/{recipe}" for recipe in _recipes(app)))
    source[0] = text


def _first_picture(app: Sphinx) -> str:
    """Return README's section of that name."""
    section = Path(app.srcdir, "README.md").read_text().partition("\n## Your first picture\n")[2].partition("\n## ")[0]
    return re.sub(r"\]\((?!https:|#|/)", "](/", section)


def _moved(app: Sphinx) -> dict[str, dict[str, str]]:
    """Return for each old page its moved anchors, "" for the page itself, with targets relative to the page."""
    path = Path(app.config.site_moved)
    pages: dict[str, dict[str, str]] = {}
    for old, new in (json.loads(path.read_text()) if path.is_file() else {}).items():
        page, _, anchor = old.partition("#")
        pages.setdefault(page, {})[anchor] = os.path.relpath(new, PurePosixPath(page).parent)
    return pages


def _follow_anchors(app: Sphinx, page: str, _template: str, _context: dict[str, Any], _doctree: object) -> None:
    """Give a page that is still there a script that follows its moved anchors."""
    if anchors := _moved(app).get(f"{page}.html"):
        app.add_js_file(None, body=MOVED_ANCHORS.format(moved=_as_script(anchors)))


def _as_script(moved: dict[str, str]) -> str:
    return json.dumps(moved, ensure_ascii=False).replace("<", "\\u003c")


def _finish(app: Sphinx, failed: Exception | None) -> None:
    if failed:
        return
    out = Path(app.outdir)
    for path in out.rglob("*.html"):
        path.write_text(_accessible(path.read_text()))
    moved = _moved(app)
    for page, anchors in moved.items():
        if not (out / page).is_file():
            if "" not in anchors:
                log.warning("moved.json: %s is no page, and has no line of its own", page)
                continue
            (out / page).parent.mkdir(parents=True, exist_ok=True)
            text = MOVED_PAGE.format(moved=_as_script(anchors), target=escape(anchors[""]))
            (out / page).write_text(text)
    for page, anchors in moved.items():
        for anchor, target in anchors.items():
            if not _arrives(out, moved, page, target):
                log.warning("moved.json: %s#%s leads to %s, which is not there", page, anchor, target)
    if Path(app.srcdir, "how-to.md").is_file():
        _write_llms(app, out)


def _accessible(text: str) -> str:
    """Return a page of the theme for keyboards and screen readers: with all that axe-core asks for."""
    text = text.replace('<div class="highlight"><pre>', '<div class="highlight"><pre tabindex="0">')
    text = text.replace('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">')
    text = text.replace('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="This page">')
    text = _EMPTY_HEAD.sub("", text)
    if "<h1" not in text:  # the page of the search
        text = text.replace(_ARTICLE, f"{_ARTICLE}<h1>Search</h1>")
    return text


def _arrives(out: Path, moved: dict[str, dict[str, str]], page: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    to = os.path.normpath(PurePosixPath(page).parent / path)
    if not (out / to).is_file():
        return False
    return not anchor or anchor in moved.get(to, ()) or f'id="{anchor}"' in (out / to).read_text()


def _write_llms(app: Sphinx, out: Path) -> None:
    """Write llms.txt as llmstxt.org describes it, and the pages as Markdown beside their HTML."""
    lines = [f"# {app.config.project}", "", f"> {app.config.site_summary}"]
    for kind, entry in NAVIGATION.items():
        pages = _pages(app, kind) | (_recipes(app) if kind == "how-to" else {})
        lines += ["", f"## {'Optional' if kind == 'project' else entry['title']}", ""]
        for page, line in pages.items():
            source = Path(app.srcdir, f"{page}.md")
            address = f"{page}.html" if "{eval-rst}" in source.read_text() else f"{page}.md"
            title = app.env.titles[page].astext()
            lines.append(f"- [{title}]({address}): {line}")
    (out / "llms.txt").write_text("\n".join(lines) + "\n")
    for page in app.env.found_docs - set(OWN) - {"api"}:
        (out / f"{page}.md").write_text(Path(app.srcdir, f"{page}.md").read_text())
