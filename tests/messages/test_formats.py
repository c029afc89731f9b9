"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.messages.formats import CurrencyFormat, Formats, Number, medal, plural, size_text
from reporter.periods.time_text import ago, duration_text
from reporter.trading.books import Book, BookLine
from reporter.trading.trades import Mode, Money

SHOW = Formats()
NOON = datetime(2026, 10, 30, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1045.6", "USD", "$1,045.60"),
        ("-5.3", "USD", "-$5.30"),
        ("0", "USD", "$0.00"),
        ("-0.004", "USD", "$0.00"),
        ("0.005", "USD", "$0.01"),
        ("-0.005", "USD", "-$0.01"),
        ("1234.5", "JPY", "¥1,235"),
        ("1234.5", "EUR", "€1,234.50"),
        ("1234.5", "GBP", "£1,234.50"),
        ("1234.5", "KRW", "₩1,235"),
        ("1234.5", "ETH", "1,234.500000 ETH"),
        ("0.0000000000123456", "BNB", "0.000000000012 BNB"),  # twelve decimals at most
        ("0E-10", "BNB", "0.00 BNB"),
        ("0.00012345", "BTC", "0.00012345 BTC"),
        ("-12.3", "XYZ", "-12.30 XYZ"),
        ("0.003", "BNB", "0.0030 BNB"),
        ("-0.45", "USDT", "-0.45 USDT"),
        ("0", "BNB", "0.00 BNB"),
        ("12.3", "", "12.30"),
        ("NaN", "USD", None),
        ("Infinity", "USD", None),
    ],
)
def test_money_has_its_sign_first_and_the_decimals_of_its_currency(
    amount: str, currency: str, shown: str | None
) -> None:
    assert SHOW.money(Money(Decimal(amount), currency)) == shown


def book(*results: str, currency: str = "BNB", closing: str = "2") -> Book:
    """A book whose trades made these amounts."""
    made = [Money(Decimal(result), currency) for result in results]
    nothing = Money(Decimal(0), currency)
    lines = tuple(
        BookLine(
            key=f"a{n}",
            ledger="l",
            label=f"a{n}",
            trades=1,
            wins=0,
            losses=0,
            flat=0,
            pnl=pnl,
            fees=None,
            gross_profit=nothing,
            gross_loss=nothing,
        )
        for n, pnl in enumerate(made)
    )
    return Book(
        trades=len(made),
        wins=0,
        losses=0,
        flat=0,
        pnl=sum(made, nothing),
        fees=None,
        gross_profit=nothing,
        gross_loss=nothing,
        mode=Mode.LIVE,
        currency=currency,
        lines=lines,
        closing=Money(Decimal(closing), currency),
    )


@pytest.mark.parametrize(
    ("results", "shown"),
    [
        (["0.0031"], ["0.00310 BNB", "2.00000 BNB", "0.00002 BNB"]),
        (["0.5", "-0.6"], ["0.500 BNB", "2.000 BNB", "0.00002 BNB"]),
        (["125"], ["125.00 BNB", "2.00 BNB", "0.00002 BNB"]),
        ([], ["2.00 BNB", "0.003 BNB", "0.00 BNB"]),
    ],
)
def test_amounts_of_a_book_have_the_decimals_that_its_largest_result_needs(
    results: list[str], shown: list[str]
) -> None:
    amounts = [*results[:1], "2", *([] if results else ["0.003"]), "0.00002" if results else "0.000000002"]
    formats = SHOW.for_books([book(*results)])
    assert [formats.money(Decimal(amount), "BNB") for amount in amounts] == shown


def test_results_of_a_list_have_the_decimals_of_the_largest() -> None:
    formats = SHOW.for_results([Money(Decimal("1.81"), "USDT"), Money(Decimal("0.63"), "USDT"), None])
    assert [formats.signed(Money(Decimal(one), "USDT")) for one in ("1.81", "0.63", "0.004")] == [
        "+1.81 USDT",
        "+0.63 USDT",
        "+0.004 USDT",
    ]
    small = formats.for_results([Money(Decimal("0.00031"), "BNB"), Money(Decimal(99), "USDT")])
    assert small.signed(Money(Decimal("-0.00004"), "BNB")) == "-0.000040 BNB"
    assert SHOW.for_results([Money(Decimal("NaN"), "USDT")]).sizes == {}


def test_a_book_of_nothing_shows_nothing() -> None:
    assert SHOW.for_books([book(closing="0")]).money(Decimal("0.0031"), "BNB") == "0.0031 BNB"


def test_of_two_books_of_a_currency_the_one_with_the_smaller_results_decides() -> None:
    formats = SHOW.for_books([book("250"), book("0.02")])
    assert formats.money(Decimal("0.0199"), "BNB") == "0.0199 BNB"
    assert formats.money(Decimal("0.0199"), "ETH") == "0.019900 ETH"


@pytest.mark.parametrize(
    ("amount", "mark", "shown"),
    [
        ("-0.996", "-1", "-0.996 USDT"),
        ("-0.99999", "-1", "-0.99999 USDT"),
        ("-0.9999999", "-1", "-0.99 USDT"),
        ("-0.999996", "-1", "-0.99 USDT"),  # three more digits are enough
        ("1.00410001", "1.0041", "1.00 USDT"),
        ("999999999999999999999999999.9999999", "1e27", "999,999,999,999,999,999,999,999,999.99 USDT"),
        ("-1", "-1", "-1.00 USDT"),
        ("-1.004", "-1", "-1.004 USDT"),
    ],
)
def test_an_amount_beside_its_limit_never_reads_like_the_limit(amount: str, mark: str, shown: str) -> None:
    formats = SHOW.for_books([book("-300", currency="USDT")])
    figure, limit = (Money(Decimal(text), "USDT") for text in (amount, mark))
    assert formats.money(figure, mark=limit) == shown
    assert (formats.signed(figure, mark=limit) or "").lstrip("+") == shown


@pytest.mark.parametrize(("amount", "shown"), [("45.6", "+$45.60"), ("-45.6", "-$45.60"), ("0.001", "$0.00")])
def test_signed_money_marks_a_gain_and_not_a_zero(amount: str, shown: str) -> None:
    assert SHOW.signed(Money(Decimal(amount), "USD")) == shown


def test_a_bare_number_takes_the_currency_that_is_named() -> None:
    assert SHOW.signed(Decimal("12.3"), "EUR") == "+€12.30"


def test_a_floor_has_its_own_conventions() -> None:
    own = Formats(currencies={"USDT": CurrencyFormat("₮", 1)}, thousands=".", point=",")
    assert own.money(Money(Decimal("1045.66"), "USDT")) == "₮1.045,7"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_money_read_back_is_the_amount_rounded_to_its_decimals(amount: Decimal) -> None:
    shown = SHOW.money(amount, "USD")
    assert shown is not None
    read = Decimal(shown.replace("$", "").replace(",", ""))
    assert abs(read - amount) <= Decimal("0.005")
    assert shown.startswith("-") == (read < 0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_float_is_too_large_or_too_small_to_show(figure: float) -> None:
    assert SHOW.number(figure, 2)
    assert SHOW.pct(figure)


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (1234, None, "1,234"),
        (Decimal("1.2300"), None, "1.23"),
        (0.5423, 2, "0.54"),
        (0.0000123456, None, "0.00001235"),  # a float is no exact figure
        (Decimal("0.0000123456"), None, "0.000012346"),
        (-0.001, 2, "0.00"),
        (100, 1, "100.0"),
    ],
)
def test_numbers_have_separators_and_as_many_decimals_as_asked(value: Number, decimals: int | None, shown: str) -> None:
    assert SHOW.number(value, decimals) == shown


def test_ten_keeps_its_zero_and_a_small_number_its_digits() -> None:
    assert [SHOW.number(value) for value in (10, 100.0, Decimal("0.00000001"))] == ["10", "100", "0.00000001"]


@pytest.mark.parametrize(
    ("value", "whole", "shown"),
    [
        (0.5532, 1, "55.3%"),
        (Decimal("-0.0001"), 1, "-0.01%"),
        (Decimal("1e-12"), 1, "0.0%"),
        (Decimal("0.9996"), 1, "99.96%"),
        (Decimal("0.99999999"), 1, "99.9%"),
        (Decimal("1.00000001"), 1, "100.0%"),
        (Decimal("-0.9999"), 1, "-99.99%"),
        (91, 200, "45.5%"),
        (Money(Decimal("45.6"), "USD"), Money(Decimal(50), "USD"), "91.2%"),
        (5, 0, None),
        (5, None, None),
        (None, 1, None),
    ],
)
def test_shares_are_percentages_of_their_whole(
    value: Money | Number | None, whole: Money | Number | None, shown: str | None
) -> None:
    assert SHOW.pct(value, of=whole) == shown


def test_a_share_beside_a_mark_never_reads_like_the_mark() -> None:
    assert [SHOW.pct(Decimal(share), 0, mark=Decimal("0.8")) for share in ("0.796", "0.8", "0.803", "0.9975")] == [
        "79.6%",
        "80%",
        "80.3%",
        "99.8%",
    ]


def test_a_share_may_be_of_money_and_of_numbers() -> None:
    five, ten = Money(Decimal(5), "USD"), Money(Decimal(10), "USD")
    assert {SHOW.pct(part, of=whole) for part in (five, 5) for whole in (ten, 10)} == {"50.0%"}
    assert SHOW.signed_pct(553, of=1000) == "+55.30%"


def test_a_signed_share_marks_a_gain() -> None:
    assert SHOW.signed_pct(Decimal("0.0456")) == "+4.56%"


def test_times_are_shown_in_the_zone_asked_for() -> None:
    assert SHOW.time(NOON, "Europe/Berlin") == "2026-10-30 13:00:05 CET"
    assert SHOW.clock(NOON) == "12:00:05"
    assert SHOW.date(NOON, "Pacific/Auckland") == "2026-10-31"
    assert SHOW.date(date(2026, 10, 30)) == "2026-10-30"


def test_a_time_of_the_same_day_is_short() -> None:
    assert SHOW.when(NOON, NOON + timedelta(hours=11), "Europe/Berlin") == "2026-10-30 13:00:05 CET"
    assert SHOW.when(NOON, NOON + timedelta(hours=10), "Europe/Berlin") == "13:00 CET"
    assert SHOW.when(NOON, None) == "2026-10-30 12:00:05 UTC"
    assert SHOW.when(None, NOON) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        SHOW.time(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1023.95 * 1024, "1.0 MiB"),
        (2 * 1024**6, "2048.0 PiB"),
        (16_750_372_454, "15.6 GiB"),
    ],
)
def test_sizes_stay_below_1024_of_their_unit(count: int, shown: str) -> None:
    assert size_text(count) == shown


def test_medals_go_to_ten_then_places_are_numbered() -> None:
    assert [medal(place) for place in (1, 2, 3, 4, 9, 10, 11)] == ["🥇", "🥈", "🥉", "4️⃣", "9️⃣", "🔟", "11."]


def test_the_trend_is_the_direction_of_a_figure() -> None:
    assert [SHOW.trend(figure) for figure in (Decimal("0.1"), -2, 0)] == ["▲", "▼", "▬"]


def test_what_reads_as_zero_has_no_direction() -> None:
    assert [SHOW.trend(Money(Decimal(amount), "USD")) for amount in ("0.004", "0.005")] == ["▬", "▲"]
    assert (SHOW.trend(Money(Decimal("0.003"), "BNB")), SHOW.signed(Decimal("0.003"), "BNB")) == ("▲", "+0.0030 BNB")


def test_a_count_agrees_with_its_noun() -> None:
    assert [plural(1, "trade"), plural(1500, "trade"), plural(2, "loss", "losses")] == [
        "1 trade",
        "1,500 trades",
        "2 losses",
    ]


def test_what_is_not_known_stays_so_in_every_form() -> None:
    forms = (
        SHOW.money,
        SHOW.signed,
        SHOW.number,
        SHOW.pct,
        SHOW.time,
        SHOW.date,
        duration_text,
        size_text,
        medal,
        SHOW.trend,
    )
    assert {form(None) for form in forms} == {None}
    assert ago(None, NOON) is plural(None, "trade") is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "N/A"),
        (float("nan"), "N/A"),
        (Money(Decimal(5), "USD"), "$5.00"),
        (1.50, "1.5"),
        (2026, "2026"),
        (timedelta(hours=3), "3h"),
        (NOON, "2026-10-30 12:00:05 UTC"),
        (Mode.LIVE, "live"),
    ],
)
def test_every_value_is_said_in_the_form_of_its_type(value: object, said: str) -> None:
    assert SHOW.say(value) == said


def test_text_is_no_amount_and_is_not_repeated_in_the_error() -> None:
    with pytest.raises(TypeError, match="takes an amount or a number, not str"):
        SHOW.money("hunter2")  # type: ignore[arg-type]


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4),
    st.sampled_from([(",", "."), (".", ","), ("\N{NARROW NO-BREAK SPACE}", ","), ("'", "."), ("", ".")]),
)
def test_the_users_signs_stand_between_thousands_and_before_decimals(amount: Decimal, signs: tuple[str, str]) -> None:
    thousands, point = signs
    own = Formats(thousands=thousands, point=point)
    for shown in (own.signed(amount, "EUR") or "", own.signed_pct(amount) or "", own.compact(amount, plus=True) or ""):
        read = shown.replace("€", "").removesuffix("%").rstrip("MBT").replace(thousands or "_", "").replace(point, ".")
        figure = Decimal(read)
        assert shown.startswith("-") == (figure < 0)
        assert shown.startswith("+") == (figure > 0)


DUST = Decimal("1e-9")


@pytest.mark.parametrize("amount", ["-0.004", "-0.0000001", "-0"])
def test_nothing_that_is_shown_as_zero_has_a_sign(amount: str) -> None:
    value = Decimal(amount)
    shown = [SHOW.money(value, "USD"), SHOW.signed(value, "JPY"), SHOW.pct(value * DUST), SHOW.signed_pct(value * DUST)]
    assert shown == ["$0.00", "¥0", "0.0%", "0.00%"]


def test_a_column_says_its_currency_in_its_head() -> None:
    assert SHOW.signed(Money(Decimal(5), "USDT"), named=False) == "+5.00"
    assert SHOW.money(Money(Decimal(-5), "USD"), named=False) == "-$5.00"


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (10_050, None, "10,050"),
        (999_999, None, "999,999"),
        (1_250_000, None, "1.25M"),
        (Decimal("0.1012"), None, "0.1012"),
        (22.95, 3, "23"),
        (-33.17, 3, "-33.2"),
        (1234, 3, "1.23k"),
        (999.6, 3, "1k"),
        (0.00123456, 3, "0.00123"),
        (5e17, 3, "500,000T"),
        (0, 3, "0"),
        (None, 3, None),
    ],
)
def test_a_mark_on_an_axis_is_short(value: Number | None, digits: int | None, shown: str | None) -> None:
    assert SHOW.compact(value, digits) == shown
