"""Guards and alternatives: how two ways of a program meet.

Definitions
    path       the unknown tests that were decided on the way to here: a dict from key to the way taken
    compatible a guard that contradicts nothing of the path
    join       one value for what is this on one way and that on another
    widen      the steady state of a loop: what is this before an iteration and that after it

Worked example: under the path ``{k: True}``, ``Alternatives([(((k, True),), a), (((k, False),), b)])`` is just ``a``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from torchlint.flow import interval, shape
from torchlint.flow.values import (
    UNKNOWN,
    Alternatives,
    Chance,
    Const,
    Dict,
    Guard,
    Key,
    List,
    Number,
    Object,
    Tensor,
    Tuple,
    Unknown,
    Unsure,
    Value,
    Via,
    common_kind,
    kind_of,
    list_of,
    make_list,
)

#: More alternatives than these are no longer kept apart.
MOST_ALTERNATIVES = 8

#: What the name of a test says whose outcome the program draws.
DRAWN = "drawn"

#: What a cell holds that is not there.
MISSING: Any = object()

Path = dict[Any, bool]


def by_chance(key: object) -> bool:
    """Whether a test is of a number that the program draws, which has no name that would tell a reader anything."""
    return isinstance(key, tuple) and key[:2] == ("fresh", DRAWN)


def compatible(guard: Guard, path: Path) -> bool:
    """Whether a guard can hold on a path."""
    for key, way in guard:
        decided = path.get(key)
        if decided is not None and decided != way:
            return False
    return True


def added(before: Path, path: Path) -> Guard:
    """What was decided on a path since it was `before`: nothing is ever taken back, and the latest stands last."""
    return tuple(islice(path.items(), len(before), None))


def contradicts(a: Guard, b: Guard) -> bool:
    """Whether two guards cannot hold together."""
    return bool(a) and bool(b) and not compatible(a, dict(b))


def merge(a: Guard, b: Guard) -> Guard:
    """Both guards; those of `a` first."""
    if not b:
        return a
    if not a:
        return b
    known = {key for key, _ in a}
    return a + tuple(item for item in b if item[0] not in known)


def resolve(value: Value, path: Path) -> Value:
    """The value as it can be on this path: contradicted alternatives gone."""
    if type(value) is not Alternatives or not path:
        return value
    kept = [option for option in value.options if compatible(option[0], path)]
    if len(kept) == len(value.options):
        return value
    if not kept:
        return UNKNOWN
    if len(kept) == 1:
        return kept[0][1]
    return alternatives(kept)


#: Comparisons by the names that torch has for them.
COMPARED = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=="}


def drawn(value: Value) -> tuple[Value, str, Value] | None:
    """The number that the program drew by itself, how it compares it, and with what: ``torch.rand(1) > 0.5``; None if
    it is something else."""
    source, op = value, ""
    other: Value = UNKNOWN
    if isinstance(value, Tensor) and value.via is not None and value.via.op in COMPARED:
        source, op = next(iter(value.via.arguments.values()), value), COMPARED[value.via.op]
        other = value.via.arguments.get("other", UNKNOWN)
    noise = isinstance(source, Tensor) and source.meaning is not None and source.meaning.kind == "noise"
    return (source, op, other) if noise or isinstance(source, Chance) else None


def equal(a: Value, b: Value) -> bool:
    """Whether two values are the same for every purpose; types count, so that 1 is not True."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, Const) and isinstance(b, Const):
        return type(a.value) is type(b.value) and a.value == b.value
    if isinstance(a, Unknown) and isinstance(b, Unknown):
        return a.key == b.key if a.key is not None else a.blank and b.blank
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return moved(a, b) or moved(b, a)
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        return len(a.items) == len(b.items) and all(map(equal, a.items, b.items))
    if isinstance(a, (List, Dict, Alternatives)):
        return False
    return bool(a == b)


#: Operations that bring a tensor to another place and change nothing of it.
MOVES = frozenset({"cuda", "to", "cpu", "pin_memory", "contiguous"})


def moved(a: Tensor, b: Tensor) -> bool:
    """Whether `a` is `b` on another device: ``if torch.cuda.is_available(): x = x.cuda()`` makes no difference."""
    via = a.via
    if via is None or via.op not in MOVES or next(iter(via.arguments.values()), None) is not b:
        return False
    return (a.range, a.meaning, a.dtype, a.shape, a.grad) == (b.range, b.meaning, b.dtype, b.shape, b.grad)


def alternatives(options: Iterable[tuple[Guard, Value]]) -> Value:
    """One of several values; equal ones are merged, nested ones flattened, too many become unknown."""
    flat: list[tuple[Guard, Value]] = []
    for guard, value in options:
        if type(value) is Alternatives:
            for inner, v in value.options:
                if not contradicts(guard, inner):
                    flat.append((merge(guard, inner), v))
        else:
            flat.append((guard, value))
    if not flat:
        return UNKNOWN
    first = flat[0][1]
    for _, other in flat:
        if other is not first and not equal(first, other):
            break
    else:
        return first
    if len(flat) > MOST_ALTERNATIVES or _some_moved(flat):
        flat = _merge_equal(flat)
        if len(flat) > MOST_ALTERNATIVES:
            return collapse([v for _, v in flat])
    return Alternatives(tuple(flat))


def _some_moved(flat: list[tuple[Guard, Value]]) -> bool:
    for _, value in flat:  # noqa: SIM110 (this is asked very often)
        if type(value) is Tensor and value.via is not None and value.via.op in MOVES:
            return True
    return False


def _merge_equal(flat: list[tuple[Guard, Value]]) -> list[tuple[Guard, Value]]:
    """Join the options that are equal and whose guards differ in the way of one test only, which then is no matter."""
    out: list[tuple[Guard, Value]] = []
    tests: list[frozenset[tuple[Key, bool]]] = []  # those of the guards in `out`
    for guard, value in flat:
        added, mine = (guard, value), frozenset(guard)
        again = True
        while again:
            again = False
            for i, theirs in enumerate(tests):
                if len(theirs) != len(mine) or len(apart := mine ^ theirs) != 2:
                    continue
                (one, _), (another, _) = apart
                other, seen = out[i]
                if one == another and equal(seen, value):
                    added = (tuple(item for item in other if item in mine), seen)
                    mine = frozenset(added[0])
                    del out[i], tests[i]
                    again = True
                    break
        out.append(added)
        tests.append(mine)
    return out


def collapse(values: list[Value]) -> Value:
    """One value without guards for any of these: what they have in common, else unknown."""
    if all(isinstance(v, Tensor) for v in values):
        joined = values[0]
        for v in values[1:]:
            assert isinstance(joined, Tensor) and isinstance(v, Tensor)
            joined = join_tensors(joined, v)
        return joined
    if all(isinstance(v, (Const, Number)) for v in values):
        switches = any(isinstance(v, Const) and not isinstance(v.value, float) for v in values)
        if switches:
            return Unknown(object())  # tests of the one value must still agree
        return Number(kind=common_kind(values))
    tuples = [v.items for v in values if isinstance(v, Tuple)]
    if len(tuples) == len(values) and len(set(map(len, tuples))) == 1:
        return Tuple(tuple(_one_of(column) for column in zip(*tuples)))
    if all(isinstance(v, Dict) for v in values):
        return _common_entries([v for v in values if isinstance(v, Dict)])
    return UNKNOWN


def _one_of(values: Sequence[Value]) -> Value:
    return values[0] if all(equal(values[0], v) for v in values[1:]) else collapse(list(values))


def _common_entries(dicts: list[Dict]) -> Value:
    """One dict for any of these, of which what they all have is known."""
    common = [key for key in dicts[0].items if all(key in d.items for d in dicts)]
    is_open = any(d.meta.get("open") or len(d.items) != len(common) for d in dicts)
    return Dict({key: _one_of([d.items[key] for d in dicts]) for key in common}, {"open": is_open})


def join_tensors(a: Tensor, b: Tensor) -> Tensor:
    """What holds of both tensors; the trail is the second's."""
    if a is b:
        return a
    both = shape.join(a.shape, b.shape)
    return Tensor(
        range=interval.hull(a.range, b.range),
        meaning=a.meaning if a.meaning == b.meaning else None,
        dtype=a.dtype if a.dtype == b.dtype else None,
        shape=both,
        grad=a.grad if a.grad == b.grad else None,
        trail=b.trail,
        run=b.run,
        holder=b.holder,
        via=b.via if same_operation(a.via, b.via) else None,
        last=a.width if both is None and a.width == b.width else None,
    )


def same_operation(a: Via | None, b: Via | None) -> bool:
    """Whether two values were given by one operation of the program, as the rounds of a loop are."""
    return a is not None and b is not None and (a.op, a.place, a.made) == (b.op, b.place, b.made)


def _taken(values: Iterable[Value]) -> Via | None:
    """How one of these numbers was taken out of a tensor, so that it is known that any of them may have been."""
    return next((v.via for v in values if isinstance(v, Number) and v.via is not None), None)


def widen(before: Value, after: Value) -> Value:
    """The steady state of a place that a loop's body changes from `before` to `after`."""
    if equal(before, after):
        return after
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        joined = join_tensors(before, after)
        if after.via is not None and after.via.op == "setitem":  # written in every round
            joined = joined.with_(via=Via("setitem", {**after.via.arguments, "input": joined}, after.via.place))
        return joined
    if isinstance(before, Const) and isinstance(after, (Const, Number)):
        numeric = (int, float)
        if isinstance(before.value, numeric) and (isinstance(after, Number) or isinstance(after.value, numeric)):
            if isinstance(before.value, bool):
                return Unknown()
            return Number(via=_taken([after]), kind=common_kind((before, after)))
        if before.value is None:
            return after
        return Unknown()
    if isinstance(before, Const):
        return after
    if isinstance(before, Number) and isinstance(after, Const):
        return Number(kind=common_kind((before, after)))
    if type(before) is type(after) and not isinstance(after, (Alternatives, Unknown, Tuple)):
        return after
    if isinstance(before, Tuple) and isinstance(after, Tuple) and len(before.items) == len(after.items):
        return Tuple(tuple(map(widen, before.items, after.items)))
    return after if isinstance(after, Unknown) else UNKNOWN


Items: TypeAlias = tuple[Value, ...] | Unsure


def join_items(options: Sequence[tuple[Guard, Items]]) -> Items:
    """The items of a list that differ between ways: position by position, or an unknown number of them."""
    plain = [(guard, items) for guard, items in options if not isinstance(items, Unsure)]
    if len(plain) == len(options) and len({len(items) for _, items in plain}) == 1:
        columns = zip(*(items for _, items in plain))
        return tuple(alternatives([(g, v) for (g, _), v in zip(plain, column)]) for column in columns)
    variants: list[tuple[Guard, tuple[Value, ...]]] = []
    for guard, items in options:
        if not isinstance(items, Unsure):
            variants.append((guard, items))
        elif items.variants:
            variants += [(merge(guard, g), v) for g, v in items.variants if not contradicts(guard, g)]
        else:
            variants = []
            break
    known = tuple(variants) if len(variants) <= MOST_ALTERNATIVES else ()
    return Unsure(_any_of([items for _, items in options]), _common_end([items for _, items in options]), known)


def _any_of(contents: Iterable[Items]) -> Value:
    """What any item of these lists is."""
    found: list[Value] = []
    for items in contents:
        if isinstance(items, Unsure):
            found.append(items.element)
        else:
            found.extend(items)
    return summary(found)


def _common_end(contents: Sequence[Items]) -> tuple[Value, ...]:
    """The last items that all of these lists share."""
    ends = [reversed(items.tail if isinstance(items, Unsure) else items) for items in contents]
    shared: list[Value] = []
    for column in zip(*ends):
        if any(v is not column[0] for v in column):
            break
        shared.append(column[0])
    return tuple(reversed(shared))


def contents(key: Any, options: Sequence[tuple[Guard, Any]]) -> Any:
    """One content for the cell `key` of what each arm left in it; absent ones give way, raw contents (not values) must
    agree."""
    present = [option for option in options if option[1] is not MISSING]
    if not present:
        return MISSING
    first = present[0][1]
    same = values = True
    for _, value in present:
        if value is not first:
            same = False
        if not isinstance(value, Value):
            values = False
    if same:
        return first
    if values:
        return alternatives(present)
    if key == "items":
        return join_items(present)
    return present[-1][1]


def widen_items(before: Items, after: Items) -> Items:
    """The steady items of a list: exact if the loop does not change them, else an unknown number of one element."""
    if before is after or not (isinstance(before, Unsure) or isinstance(after, Unsure) or after or before):
        return after
    return Unsure(_any_of([after, before]))


def _opened(values: Iterable[Value]) -> Iterable[Value]:
    for value in values:
        if type(value) is Alternatives:
            yield from (v for _, v in value.options)
        else:
            yield value


def summary(values: Iterable[Value]) -> Value:
    """One value that stands for each of several elements."""
    seen: Value | None = None
    for value in _opened(values):
        if seen is None or equal(seen, value):
            seen = value
        elif isinstance(seen, Tensor) and isinstance(value, Tensor):
            seen = join_tensors(seen, value)
        elif isinstance(seen, Tuple) and isinstance(value, Tuple) and len(seen.items) == len(value.items):
            seen = Tuple(tuple(summary(pair) for pair in zip(seen.items, value.items)))
        elif isinstance(seen, List) and isinstance(value, List):
            seen = _lists(seen, value)
        elif _numbers(seen, value):
            seen = Number(via=_taken([value, seen]), kind=common_kind((seen, value)))
        elif isinstance(seen, Object) and isinstance(value, Object) and seen.kind == value.kind == "loader":
            seen = Object("loader", seen.name, {"dataset": UNKNOWN}, {}, seen.made)  # what it gives are data
        else:
            return UNKNOWN
    return UNKNOWN if seen is None else seen


def _lists(a: List, b: List) -> List:
    """A list that stands for both."""
    if a.items is not None and b.items is not None and len(a.items) == len(b.items):
        return make_list((summary(pair) for pair in zip(a.items, b.items)), a.kind)
    return list_of(summary([element_of(a), element_of(b)]), a.kind)


def _numbers(a: Value, b: Value) -> bool:
    """Whether both are constants, or numbers that are not known."""
    return all(isinstance(v, (Const, Number)) or kind_of(v) is not None for v in (a, b))


def element_of(value: Value) -> Value:
    """What iterating over a list or tuple gives, as one value."""
    if isinstance(value, Tuple):
        return summary(value.items)
    if isinstance(value, List):
        return value.element if value.items is None else summary(value.items)
    return UNKNOWN
