"""The product's own words, each in one plain sentence: the glossary page, the words on hover, and the search all read this table.

A heading is looked up by its words, in any case. A word that begins or ends in `*` stands for every heading that ends or begins with the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

PAGE = "/glossary"


@dataclass(frozen=True, slots=True)
class Term:
    """A word: what it means, the address of the page it is mostly seen on, the other headings that mean the same, and how it is written in
    sentences, where it is explained at its first place."""

    name: str
    means: str
    seen: str = "/"
    also: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place on the glossary page."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())


_ROOM = (
    Term("Limit", "Something that can run out: money, error budget, capacity or a quota.", "/"),
    Term("Room left", "How much of a limit is still free; the bar shows what is used, the line across it is the limit.", "/", ("Left", "Headroom"), ("headroom", "room left")),
    Term("Used", "How much of the limit is taken in its present window, in the limit's own unit.", "/", ("Reading", "Worst user")),
    Term("State", "Ok, tight (needs somebody soon), exhausted (nothing left) or unknown (no fresh data, so nobody can tell).", "/", ("Tight", "Exhausted", "Status")),
    Term("Unknown", "There is no fresh reading, so nothing is claimed; silence never counts as ok.", "/sources"),
    Term("Runs out", "The middle date on which nothing is left, then the range that holds the date in 80 of 100 cases; of a window, if it runs out at all.", "/", (), ("run out", "runs out", "ran out")),
    Term("Chance", "The chance of running out before the window ends; of what never refills, within 30 days.", "/", (), ("chance", "chances")),
    Term("Pace", "Use against an even use of the window: at 1× it just lasts, at 2× it is gone at half time.", "/"),
    Term("Window", "The time after which a limit is full again, such as a day or a month; what has none never refills.", "/", ("This window", "Period", "Holds for"), ("refill", "refills")),
    Term("Next step", "What would give more room, what it costs a month and how long it takes, from the platform's pack.", "/", ("Step",)),
    Term("Order by", "The last day on which the next step can be ordered to be there in time: the middle date less its lead time.", "/capacity", ("Order", "To order first"), ("order by", "last day to order")),
    Term("Lead time", "How long the next step takes from the order until it is in use.", "/capacity", (), ("lead time",)),
    Term("30 days' room", "What the next steps would cost a month that give every limit room for 30 more days.", "/capacity", ("30 days' room would cost", "Room for 30 days", "30 days' room")),
    Term("Owner", "Who answers for the limit or alert, as the platform's pack names them.", "/"),
    Term("Age", "How old the newest data behind the figure is; bold when it is older than it should be.", "/", ("Data age", "Data", "Measured", "Newest", "Last success", "Checked", "Last whole day")),
    Term("Assumed", "Nobody confirmed this amount; it is a careful guess until somebody enters the real one.", "/", (), ("assumed",)),
    Term("Declared", "A figure of the design that nothing measures; shown beside the measured ones, never mixed with them.", "/platforms"),
    Term("Grounds", "What a date or chance was worked out from, such as the pace of the last 7 days or a forecast.", "/", ("Why", "Rests on", "Basis")),
    Term("Meter", "The reading or sum that a limit is measured by.", "/"),
    Term("Lower bound", "At least this much: some calls have no price yet or some data has not come.", "/cost", (), ("lower bound",)),
    Term("Fresh figures", "How many limits have data young enough to be believed.", "/", ("Limits with fresh figures",)),
    Term("Sources and jobs", "Whether everything that is read answers, and whether the work behind the figures is done on time.", "/sources"),
)  # fmt: skip
_FORECAST = (
    Term("Forecast", "A range for what comes, worked out each night from the platform's own past.", "/capacity/forecasts", ("Next 30 days", "Fitted")),
    Term("p10, p50, p90", "Of 100 such cases, 10, 50 and 90 come out below; p50 is the middle, p10 to p90 holds 80 of 100.", "/capacity/forecasts", ("Range, 80 %", "Likely", "80 % range", "Likely, 80 % range", "*, expected in all", "Expected in all", "*expected in all*"), ("p10", "80 % range", "80\u202f% range")),
    Term("Futures", "Many possible continuations of a series, drawn from its own past; the share of them that cross a limit is its chance.", "/capacity", (), ("futures",)),
    Term("Median", "The middle of all values: half of them are below it, half above.", "/slos", (), ("median",)),
    Term("p50, p95, p99", "Half, 95 and 99 of 100 calls are faster than this.", "/platforms", ("p95", "p99"), ("p50", "p95", "p99", "percentile", "percentiles")),
    Term("Growth", "How fast the trend rises or falls, a month.", "/capacity/forecasts"),
    Term("Error against last week's", "The forecast's error over that of repeating last week (MASE): below 1 it does better, from a backtest.", "/capacity/forecasts", ("Against last week's", "Against repeating last week")),
    Term("Backtest", "A forecast made as if it were an earlier day, then compared with what really came.", "/capacity/track-record", (), ("backtest", "backtests")),
    Term("Track record", "Every chance and range that was said is kept, and scored when its time is over.", "/capacity/track-record", ("Of what", "Said", "When said", "Came", "Over", "Ahead", "How"), ("track record", "claim", "claims")),
    Term("80 % ranges that held", "How many of 100 ranges contained what came; 80 is honest, fewer is overconfident, more is too wide.", "/capacity/track-record", ("Ranges that held", "Range held")),
    Term("Brier score", "The mean squared distance of said chances from what came: 0 is perfect, 0.25 is a coin toss.", "/capacity/track-record", ("Brier", "Error of chances (Brier)"), ("Brier score",)),
    Term("Bias", "By how much the middle was too high or too low on average.", "/capacity/track-record", ("Leaning", "Too high or low", "Middle off by")),
    Term("Pinball loss", "One figure for how far a whole range was off; smaller is better, and only comparable within a row.", "/capacity/track-record", ("Pinball", "Error of ranges (pinball)")),
    Term("Unusual", "A reading far outside what its own past makes likely; no limit needs to be near.", "/capacity/forecasts", ("What makes it up", "Found", "Anomaly", "Read"), ("unusual",)),
)  # fmt: skip
_SLO = (
    Term("SLO", "A service level objective: the share of calls or time that must be good over a window.", "/slos", ("Objective", "Measures", "Category"), ("SLO", "SLOs")),
    Term("SLI", "A service level indicator: what an SLO counts, such as the share of calls that were fast enough.", "/slos", (), ("SLI", "SLIs")),
    Term("Error budget", "How much may go wrong before the objective is missed: all events less those that must be good.", "/slos", ("Budget left", "Error budget left", "Spent", "Took"), ("error budget", "error budgets")),
    Term("Burn rate", "How fast the error budget is spent: at 1 it lasts exactly the window, at 10 a tenth of it.", "/slos", ("Burn", "1 h", "6 h", "3 d", "Burn, 1 h", "Burn, 6 h", "Burn, 3 d", "1h", "6h", "3d"), ("burn rate", "burn rates")),
    Term("Time to recover", "From the first sign of a critical incident until it was over; the middle of the last 30 days.", "/slos", ("Time to recover, 30 d", "Lasted")),
    Term("Target", "What the design promises: the aim, what is measured now, and whether it is met.", "/platforms", ("Aim", "Met", "Holds in")),
    Term("Why, or what the design says", "Why a target has no reading, or what its reading is; where neither is known, what the design says of it.", "/platforms"),
    Term("Score", "One figure from 0 to 1 made of several readings, weighed as the pack says; 1 is best.", "/platforms", ("Made of",)),
)  # fmt: skip
_ALERT = (
    Term("Alert", "A rule whose condition holds; pending until it has held long enough, then firing.", "/on-call", ("Firing", "Pending", "Since", "Began")),
    Term("Episode", "One alert from its first sign until it is over; everything done about it is kept with it.", "/on-call", ("Incident",)),
    Term("Fingerprint", "The short code of an alert's labels, by which it is the same alert next time.", "/on-call"),
    Term("Severity", "Critical pages somebody, warning waits for working hours, info is only listed.", "/on-call"),
    Term("Silence", "Tells nobody about matching alerts for a while; they are still evaluated and listed.", "/on-call/silences", ("What it matches", "Hides now", "Ends"), ("silence", "silences", "silenced")),
    Term("Acknowledge", "Says that you have it: reminders stop, the alert stays until it is over.", "/on-call", ("Ack",), ("acknowledged",)),
    Term("Held back", "Nobody is told of this alert because another that is told explains it.", "/on-call", (), ("held back",)),
    Term("Withheld", "A notice that was not sent, with the reason: a silence, an acknowledgement, a planned window or an alert that explains it.", "/on-call/deliveries", (), ("withheld",)),
    Term("Delivery", "One attempt to tell a receiver about alerts, with what it answered.", "/on-call/deliveries", ("Outcome", "Try", "Tries", "Answer, or why not", "To", "Notice", "Last words", "Next")),
    Term("Errors", "The share of calls that failed.", "/platforms"),
    Term("Deploy", "A change of a component that its platform reported: a release, a migration, a rollback.", "/platforms", ("Deploy before it", "Version")),
)  # fmt: skip
_MONEY = (
    Term("AI usage", "What calls of models cost, each at the price that held when it was made.", "/cost", ("AI", "AI cost", "AI + infrastructure", "*so far, AI + infrastructure*")),
    Term("Infrastructure", "What servers and services cost by the pack's monthly amounts, spread evenly over the time in range.", "/cost"),
    Term("Cost", "AI usage and infrastructure together, in US dollars; the parts add up to the cent.", "/cost", ("Total", "Whole", "Dollars", "Amount", "* so far", "Cost in the range", "A month", "Cost, rounded once to nano-dollars")),
    Term("Share", "This row's part of the total cost.", "/cost"),
    Term("Change", "Against the period directly before, as long as this one.", "/cost", ("Before", "Against*", "Last month")),
    Term("A priced call", "Cost over the calls that have a price, in dollars.", "/cost", ("A request", "Each call", "Cost a call")),
    Term("Unpriced", "Calls of a model without a known price; they count nothing, so the total is at least what it says.", "/prices", (), ("unpriced",)),
    Term("Tokens", "The pieces of text that models count and charge: input and output.", "/cost", ("Input", "Output", "Quantity", "Input tokens", "Output tokens")),
    Term("Cache read", "Input that the provider had kept from an earlier call, at a lower price; a cache write is the keeping.", "/prices", ("Cache write", "Cached", "Written")),
    Term("Provisional", "A cost that may still change, because a source may send more for that time.", "/cost", ("Pricing", "Cost state", "Price state", "How it was priced"), ("provisional",)),
    Term("Restated", "A cost that was worked out again, with the earlier figure and the reason kept.", "/cost", ("Revision",), ("restated",)),
    Term("Back-fill", "Data fetched afterwards for a time that was missed; marked, and never mistaken for live data.", "/sources"),
    Term("Allocated", "Cost that has a team or tag of its own, or that a rule gave one.", "/cost/allocation", ("Says of itself", "Rule", "If", "Then"), ("allocated",)),
    Term("Shared", "Infrastructure that no rule gives to anybody.", "/cost/allocation"),
    Term("Idle", "The part of servers that run models which usage did not pay for.", "/cost/allocation"),
    Term("Unallocated", "Usage that names no team or tag and that fits no rule.", "/cost/allocation", (), ("unallocated",)),
    Term("Budget", "A money limit for a period, with an owner; quotas are limits of the same kind in other units.", "/budgets", ("Budget of all of it",)),
    Term("Quota", "A limit counted in calls, images or the like, that is full again when its window begins anew.", "/budgets", (), ("quota", "quotas")),
    Term("Carried over", "What the last period left and this one may use.", "/budgets"),
    Term("Holds from", "The first day on which an amount counts; earlier periods keep the amount they had.", "/budgets", ("From, until (UTC)", "From")),
    Term("Prepaid credits", "Money paid to a provider in advance; used before anything is charged.", "/budgets", ("Credits",)),
    Term("Margin", "Revenue less AI usage and infrastructure.", "/cost/economics", ("Revenue", "AI of revenue", "Gross margin", "Break-even", "Breaks even at"), ("margin", "gross margin")),
    Term("Active user", "Somebody with at least one call in the range.", "/cost/economics", ("Active users", "An active user", "Daily users", "Each daily user", "Cost a user", "Persona", "Tier", "Cost tier"), ("active user", "active users")),
)  # fmt: skip
_SOURCES = (
    Term("Source", "Something that is read for data: a platform's interface, a metrics server, a database, a file, or what is pushed here.", "/sources", ("Kind", "Rows in 24 h", "Last error and its fix")),
    Term("Lag", "How far behind now a source's data is complete.", "/sources", (), ("lag",)),
    Term("Refused rows", "Rows that could not be believed; they are kept with the reason and can be sent again.", "/sources", ("Most frequent reason", "Rows")),
    Term("Pack", "The file that describes a platform: components, limits, prices, alerts and how they are read.", "/platforms", (), ("pack", "packs")),
    Term("Scaling", "Rules by which a component adds or removes instances, and how far from them it is.", "/platforms", ("Running", "Range", "Until it scales up", "Until it scales down", "Cooldown", "Planned", "Items", "At today's size", "Replaces, today", "Alternative")),
    Term("Risk", "Something the design warns of, with the alerts that watch for it.", "/platforms", ("Watched by",)),
    Term("Archive", "Every report that was made, as it was mailed, with what became of its copies.", "/reports", ("Copies", "Missing", "Made", "The last copy", "Files", "Subject", "Of", "Added")),
)  # fmt: skip
GROUPS: Sequence[tuple[str, Sequence[Term]]] = (
    ("Room", _ROOM), ("Forecasts", _FORECAST), ("Objectives", _SLO), ("Alerts", _ALERT), ("Money", _MONEY), ("Data", _SOURCES),
)  # fmt: skip
TERMS: Sequence[Term] = tuple(term for _, group in GROUPS for term in group)
PLAIN = frozenset(
    "what,when,which,who,by,at,on,note,platform,component,model,provider,environment,team,project,feature,user,calls,time,role,email,address,unit,day,key,"
    "label,value,region,size,price,item,action,now,highest in 24 h,lowest in 24 h,alternatives,title,file,capacity report,cost report,health report,other,"
    "layer,written in,signed in,last used,operation,tag,month,description,images,which".split(",")
)
"""Headings that anybody understands."""


def spelled(words: str) -> str:
    """A heading as it is looked up: lower case, plain spaces."""
    return " ".join(words.replace("\u202f", " ").replace("\xa0", " ").replace("’", "'").split()).lower()


@cache
def _known() -> dict[str, Term]:
    return {spelled(word): term for term in reversed(TERMS) for word in (*term.also, term.name)}


def meaning(words: str) -> Term | None:
    """The term that a heading stands for; None if it is none."""
    told, known = spelled(words), _known()
    if told in known:
        return known[told]
    for pattern, term in known.items():
        start, end = not pattern.startswith("*"), not pattern.endswith("*")
        core = pattern.strip("*").strip()
        if (start and end) or not core:
            continue
        if (core in told) if not start and not end else told.startswith(core) if start else told.endswith(core):
            return term
    return None


@cache
def _in_prose() -> dict[str, str]:
    return {spelled(word): term.name for term in TERMS for word in term.prose}


def in_prose(words: str) -> str | None:
    """The name of the term that is written so in a sentence; None for none."""
    return _in_prose().get(spelled(words))


def is_plain(words: str) -> bool:
    """Whether a heading needs no explanation."""
    return spelled(words) in PLAIN


@cache
def version() -> str:
    """Changes whenever a word does."""
    return hashlib.sha256(repr(TERMS).encode()).hexdigest()[:12]
