"""What a page would take for markup in what is shown."""

from __future__ import annotations

from html.parser import HTMLParser

TAGS = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "p", "b", "br", "code", "pre", "ul", "li", "a"}
TAGS |= {"details", "summary", "wbr", "style"}  # one style sheet, of the live panel
ATTRIBUTES = {"class", "style", "role", "title", "href", "target", "rel", "open"}


class Markup(HTMLParser):
    """The tags, attributes (but aria-*) and links of HTML, where each tag that was opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs if not name.startswith("aria-")}
        self.links |= {value or "" for name, value in attrs if name == "href"}
        if tag not in ("br", "img", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def check_markup(html: str) -> Markup:
    """Fail where HTML has more than the tags and the attributes that displays write, and links."""
    found = Markup(html)
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES
    assert all(link.startswith("https://") for link in found.links)
    return found
