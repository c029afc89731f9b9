"""A message as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from zoneinfo import ZoneInfo

from hypothesis import given, settings

from reporter.delivery.outlets.html_preview import to_html
from reporter.messages.markdown_parser import parse
from reporter.messages.message import Attachment, Message, Run, visible
from tests.delivery.outlets.messages import line, messages, summary

# fmt: off
TAGS = {
    "style", "article", "h1", "h2", "p", "br", "strong", "em", "s", "code", "time", "a", "pre", "blockquote", "table",
    "tr", "th", "td", "div", "section", "figure", "img", "footer",
}
# fmt: on


class Reader(HTMLParser):
    """What a browser would see: the tags, where they lead, and the text beside the style sheet."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"} or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.text += data


def test_a_letter_becomes_an_article() -> None:
    page = to_html(parse("# T\na **b**\nc\n## F\n> q\n### G\n1\n### H\n2\n---\nfoot"), ZoneInfo("UTC"))
    assert page.partition("</style>\n")[2] == (
        '<article class="message" style="border-color: #95a5a6">\n<h1>T</h1>\n<p>a <strong>b</strong><br>c</p>\n'
        "<section>\n<h2>F</h2>\n<blockquote>q</blockquote>\n</section>\n"
        '<div class="grid" style="grid-template-columns: repeat(2, minmax(0, 1fr))">\n'
        "<section>\n<h2>G</h2>\n<p>1</p>\n</section>\n<section>\n<h2>H</h2>\n<p>2</p>\n</section>\n</div>\n"
        "<footer>foot</footer>\n</article>\n"
    )


@settings(max_examples=40)
@given(messages)
def test_no_text_is_markup_and_no_link_leads_elsewhere_than_to_the_web(message: Message) -> None:
    page = Reader(to_html(message))
    assert set(page.tags) <= TAGS
    assert all(each.startswith(("http://", "https://", "data:image/")) for each in page.addresses)


def test_foreign_text_is_shown_as_it_is() -> None:
    hostile = "<script>alert('1')</script> &amp; \"x\"\n\u202e"
    page = to_html(summary(title=line(hostile), footer=(Run("link", "y", 'javascript:"x'),)))
    assert visible(hostile) in Reader(page).text
    assert "<script" not in page
    assert "javascript" not in page


def test_a_picture_stands_in_the_page_and_another_file_by_name() -> None:
    files = (Attachment("a.png", b"png", shown=True), Attachment("b.csv", b"1,2"), Attachment("c.svg", b"", shown=True))
    page = to_html(summary(attachments=files))
    assert '<img alt="a.png" src="data:image/png;base64,cG5n">' in page
    assert "<p>📎 b.csv (3 B)</p>\n<p>📎 c.svg (0 B)</p>" in page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = to_html(summary())
    assert not [word for word in ("url(", "@import", "<script", "<link") if word in page]
