"""What a person's SQL may be: one SELECT over the warehouse's own tables, made of functions known to be harmless.

The engine's own parser turns the text into a tree, and the tree is checked against lists of what is allowed; whatever is not
listed is refused, also what later versions of the engine add. What runs afterwards is written anew from the checked tree, never the text.
`SHOW TABLES`, and `DESCRIBE` or `SUMMARIZE` of a table or of such a SELECT, are asked through the same checks.
Who may not see what single users cost is asked back for tables that tell it, and reads others without the columns that do.
Behind the gate stand a read-only transaction, a time limit, and an engine that can reach no file, no network and no setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from roomleft.errors import QueryRefused, UsersHidden
from warehouse.catalogue import UNSEEN_COLUMNS, WITHOUT_USERS, show_tables

LONGEST = 20_000
"""Characters of the longest question."""

WHERE = "your question"
HINT = "ask with one SELECT (WITH is fine) over the warehouse's tables: SHOW TABLES lists them, DESCRIBE TABLE a table's columns"
SHOW = re.compile(r"\s*SHOW\s+(ALL\s+)?TABLES\s*;?\s*", re.IGNORECASE)
ABOUT = re.compile(r"\s*(DESCRIBE|DESC|SHOW|SUMMARIZE|PRAGMA\s+TABLE_INFO|PRAGMA\s+SHOW)\b\s*(.*)", re.IGNORECASE | re.DOTALL)
NAME = re.compile(r"""[('"\s]*(\w+)[)'"\s]*;?\s*""")

PARTS = frozenset(
    "SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE BASE_TABLE SUBQUERY JOIN EMPTY EXPRESSION_LIST TABLE_FUNCTION"
    " LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING".split()
)
EXPRESSIONS = frozenset(
    "BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR POSITIONAL_REFERENCE STAR SUBQUERY"
    " WINDOW".split()
)
ROW_MAKERS = frozenset({"range", "generate_series", "unnest"})
OPERATORS = frozenset("+ - * / // % ^ ** ~ & | || << >> ! !~~ ~~ !~~* ~~* ~~~ <@ @> && ->> -> ^@".split())
FUNCTIONS = frozenset(
    # aggregates
    "any_value approx_count_distinct approx_quantile arg_max arg_max_null arg_min arg_min_null array_agg avg bit_and bit_or bit_xor"
    " bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy favg first fsum geomean geometric_mean histogram"
    " kurtosis last list listagg group_concat mad max max_by mean median min min_by mode product quantile quantile_cont quantile_disc"
    " regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy skewness stddev stddev_pop stddev_samp"
    " string_agg sum sum_no_overflow sumkahan var_pop var_samp variance"
    # windows
    " cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number"
    # numbers
    " abs add acos asin atan atan2 bit_count cbrt ceil ceiling cos cot degrees divide even exp fdiv floor fmod gcd greatest isfinite isinf"
    " isnan lcm least ln log log10 log2 mod multiply nextafter pi pow power radians round round_even sign signbit sin sqrt subtract tan trunc"
    " xor"
    # text
    " array_slice ascii bar chr concat concat_ws contains ends_with format formatreadabledecimalsize formatreadablesize instr lcase left"
    " length levenshtein like_escape lower lpad ltrim not_like_escape ilike_escape not_ilike_escape ord position prefix printf regexp_extract"
    " regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse right rpad rtrim split"
    " split_part starts_with str_split string_split string_to_array strip_accents strlen strpos substr substring suffix to_base translate"
    " trim ucase upper"
    # time
    " age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek"
    " dayofyear decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear julian last_day make_date make_time make_timestamp"
    " make_timestamptz microsecond millennium millisecond minute month monthname quarter second strftime strptime time_bucket to_days to_hours"
    " to_microseconds to_milliseconds to_minutes to_months to_seconds to_timestamp to_weeks to_years try_strptime week weekday weekofyear year"
    " yearweek current_date get_current_timestamp get_current_time current_timestamp now today timezone"
    # lists, maps, structs, JSON
    " array_length cardinality element_at array_extract list_aggregate list_any_value list_append list_avg list_concat list_contains"
    " list_count list_distinct list_extract list_filter list_first list_has list_has_all list_has_any list_last list_max list_median list_min"
    " list_position list_reduce list_reverse list_reverse_sort list_slice list_sort list_sum list_transform list_unique list_value list_zip"
    " map map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values row struct_extract struct_pack"
    " json_extract json_extract_string json_array_length json_keys json_type json_valid to_json unnest"
    # choosing and comparing
    " coalesce ifnull nullif if typeof hash md5 isnull grouping grouping_id".split()
)

Parse = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that may be asked: its parsed tree (JSON), what is asked of its rows, and its table if it names one alone."""

    tree: str
    verb: str = "SELECT"
    table: str = ""

    def composed(self, select: str) -> str:
        """The SQL to run; `select` is the tree written as SQL by the engine."""
        # Of a table, unlike of a SELECT from it, the engine knows which columns are never NULL.
        of = f'"{self.table}"' if self.table else f"SELECT * FROM ({select})"
        if self.verb == "DESCRIBE":
            # As it is asked: within another SELECT a second column of a name would get another one.
            return f'SELECT column_name, column_type, "null" FROM (DESCRIBE {of if self.table else select})'
        return f"SELECT * FROM (SUMMARIZE {of})" if self.verb == "SUMMARIZE" else select


def check(sql: str, parse: Parse, tables: Collection[str], see_users: bool = False) -> Question:
    """A question that may be asked. `parse` is the engine's `json_serialize_sql`; `tables` may be read, of those that tell what single users
    cost only with `see_users`.

    Raises QueryRefused saying what is not allowed, UsersHidden for a table of users.
    """
    ask = _Asked(parse, frozenset(name.lower() for name in tables), see_users)
    if len(sql) > LONGEST:
        raise QueryRefused(f"it is {len(sql)} characters long", WHERE, f"at most {LONGEST}")
    if SHOW.fullmatch(sql):
        return Question(ask.checked(show_tables([name for name in tables if see_users or name.lower() in WITHOUT_USERS])))
    about = ABOUT.fullmatch(sql)
    if about is None:
        return Question(ask.checked(sql))
    verb = "SUMMARIZE" if about[1].upper() == "SUMMARIZE" else "DESCRIBE"
    named = NAME.fullmatch(about[2])
    if named is None:
        return Question(ask.checked(about[2]), verb)
    table = next((name for name in tables if name.lower() == named[1].lower()), None)
    if table is None:
        raise QueryRefused(f"there is no table {named[1]!r} to ask", WHERE, HINT)
    whole = see_users or table.lower() not in UNSEEN_COLUMNS
    return Question(ask.checked(f'SELECT * FROM "{table}"'), verb, table if whole else "")


@dataclass(frozen=True, slots=True)
class _Asked:
    parse: Parse
    tables: frozenset[str]
    see_users: bool

    def checked(self, sql: str) -> str:
        """The tree of one SELECT that may be asked, as JSON."""
        text = self.parse(sql)
        try:
            tree = json.loads(text)
            if tree.get("error"):
                raise QueryRefused(_first_line(tree), WHERE, HINT)
            if len(tree["statements"]) != 1:
                raise QueryRefused(f"it holds {len(tree['statements'])} statements", WHERE, HINT)
            _Check(self).visit(tree["statements"][0], frozenset())
        except RecursionError as error:
            raise QueryRefused("it is nested too deeply", WHERE, HINT) from error
        return text if self.see_users else json.dumps(tree)

    def unnamed(self, table: str) -> dict[str, Any]:
        """A table without the columns that may name a user, as a part of a tree."""
        columns = ", ".join(UNSEEN_COLUMNS[table])
        tree = json.loads(self.parse(f"SELECT * FROM (SELECT * EXCLUDE ({columns}) FROM {table}) AS {table}"))
        part: dict[str, Any] = tree["statements"][0]["node"]["from_table"]
        return part


def _first_line(tree: Mapping[str, Any]) -> str:
    message = str(tree.get("error_message", "it cannot be read")).splitlines()[0]
    return "only SELECT may be asked" if message.startswith("Only SELECT statements") else message


class _Check:
    def __init__(self, asked: _Asked) -> None:
        self._asked = asked

    def visit(self, part: Any, names: frozenset[str]) -> None:
        """Checks a part of the tree and all below it. `names` are the common table expressions it may read."""
        if isinstance(part, list):
            for item in part:
                self.visit(item, names)
        elif isinstance(part, dict):
            self._visit_object(part, names)

    def _visit_object(self, part: dict[str, Any], names: frozenset[str]) -> None:
        kind = part.get("type")
        if "class" in part:
            if not self._expression(part):
                return
        elif isinstance(kind, str):
            self._part(part, kind, names)
            if part.get("type") != kind:
                return  # replaced by what is known to be allowed
        if part.get("cte_map"):
            names = self._common_tables(part["cte_map"].get("map", []), names)
        for key, below in part.items():
            if key in ("cte_map", "cast_type"):
                continue
            if key == "right" and kind == "RECURSIVE_CTE_NODE":
                # Only the repeated half reads the table being built; in the first half its name would mean something else.
                self.visit(below, names | {self._own_name(part["cte_name"])})
            else:
                self.visit(below, names)

    def _common_tables(self, entries: list[dict[str, Any]], names: frozenset[str]) -> frozenset[str]:
        for entry in entries:
            self.visit(entry["value"], names)
            names |= {self._own_name(entry["key"])}
        return names

    def _own_name(self, given: object) -> str:
        """The name of a common table expression, in lower case."""
        name = str(given).lower()
        if not self._asked.see_users and (name in UNSEEN_COLUMNS or name in self._asked.tables - WITHOUT_USERS):
            raise QueryRefused(f"a WITH may not be called {name!r}", WHERE, "give it another name")
        return name

    def _part(self, part: dict[str, Any], kind: str, names: frozenset[str]) -> None:
        if kind not in PARTS:
            raise QueryRefused(f"{kind.lower().removesuffix('_ref')} is not allowed", WHERE, HINT)
        if kind == "BASE_TABLE":
            self._table(part, names)
        elif kind == "TABLE_FUNCTION":
            function = part.get("function", {})
            name = str(function.get("function_name", "")).lower()
            if function.get("class") != "FUNCTION" or name not in ROW_MAKERS:
                raise QueryRefused(f"table function {name!r} is not allowed", WHERE, f"allowed: {', '.join(sorted(ROW_MAKERS))}")

    def _table(self, part: dict[str, Any], names: frozenset[str]) -> None:
        name = str(part.get("table_name", "")).lower()
        if part.get("catalog_name") or part.get("schema_name"):
            raise QueryRefused(f"table {name!r} is named with its schema or database", WHERE, "write the table's name alone")
        if part.get("at_clause"):
            raise QueryRefused("reading a past version is not allowed", WHERE, HINT)
        if name in names:
            return
        if name not in self._asked.tables:
            raise QueryRefused(f"there is no table {name!r} to ask", WHERE, HINT)
        if self._asked.see_users:
            return
        if name not in WITHOUT_USERS:
            raise UsersHidden(f"table {name}")
        if name in UNSEEN_COLUMNS:
            own = {key: part[key] for key in ("column_name_alias", "sample") if part.get(key)}
            alias = part.get("alias") or name
            part.clear()
            part.update({**self._asked.unnamed(name), **own, "alias": alias})

    def _expression(self, part: dict[str, Any]) -> bool:
        """Checks one expression; False when nothing below it needs a look."""
        kind = part["class"]
        if kind not in EXPRESSIONS:
            raise QueryRefused(f"{str(kind).lower()} is not allowed", WHERE, HINT)
        if kind == "CONSTANT":
            return False
        if kind == "STAR" and (part.get("columns") or part.get("expr")):
            raise QueryRefused("COLUMNS(…) is not allowed", WHERE, "name the columns, or write *")
        if kind in ("FUNCTION", "WINDOW") and "function_name" in part:
            name = str(part["function_name"]).lower()
            if name not in (OPERATORS if part.get("is_operator") else FUNCTIONS | ROW_MAKERS):
                raise QueryRefused(
                    f"function {name!r} is not allowed",
                    WHERE,
                    "functions that compute on rows are; those that read files, settings or the system are not",
                )
        return True
