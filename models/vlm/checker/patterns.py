"""What a claim may look like: patterns that must account for every word of a clause.

Patterns are matched whole, the first that fits counts. What fits none is unsupported: a claim
that is half read is not read.
"""

from __future__ import annotations

import re
from typing import Final

from videoengine.models.vlm.checker import looking, places, rules
from videoengine.models.vlm.checker.clause import Clause
from videoengine.models.vlm.checker.places import SIDE
from videoengine.models.vlm.checker.verdicts import Ruling
from videoengine.models.vlm.subjects import Subject

BE: Final = (
    r"(?:is|are|was|were|be|been|being|has been|have been|had been|gets?|got|has|have|had|"
    r"can be|could be)"
)
SEEN: Final = (
    r"(?:(?:seen|visible|in view|in use|in picture|in image|in field|present|shown|"
    r"used|observed|identified|noted|detected|recognized|under way|underway|performed|done|found|"
    r"carried out|employed|applied|on screen|at work|active|in progress|there|stated))"
)
SHOWS: Final = r"(?:occurs?|occurred|takes? place|took place|happens?|happened)"
BEGINS: Final = (
    r"(?:begins?|began|begun|starts?|started|comes? into view|came into view|enters? view|"
    r"entered view|appears?|appeared|inserted|introduced|brought into view|initiated|"
    r"commenced|commences)"
)
ENDS: Final = (
    r"(?:ends?|ended|stops?|stopped|finishe[sd]|finished|completed|over|disappears?|disappeared|"
    r"leaves? view|left view|removed|withdrawn|concluded|concludes)"
)
WHO: Final = (
    r"(?:(?:image|picture|camera|scope|endoscope|laparoscope|colonoscope|view|phase|step|there|"
    r"(?:surgeon|team|operator) (?:is|was) in) )?"
)
S0: Final = rf"{WHO}(?:{BE} )?s0"
IS: Final = rf"(?: {BE})?(?: (?:{SEEN}|{SHOWS}))?"
LISTED: Final = r"s\d+(?:(?: and| or)? s\d+)+"
PICTURE: Final = r"(?: (?:of|in) (?:picture|image|view|screen|frame))?"
TIP: Final = r"(?:tip of )?"


def rule_of(case: rules.Facts, clause: Clause) -> Ruling | None:
    """Return what the log says to a clause, or None when it is not read to the last word."""
    if clause.relation == "many":
        return None
    clause, words = _within_phase(clause)
    alone = any(one.anatomy for one in clause.subjects)
    for pattern, rule in _RULES:
        if alone and rule is not rules.things:
            continue  # what is worked on is stated, not what shows
        found = pattern.fullmatch(words)
        if found:
            ruling = rule(case, clause, found)
            if ruling is not None:
                return ruling
    return None


def _within_phase(clause: Clause) -> tuple[Clause, str]:
    """Return a clause whose "during clipping" is part of its subject."""
    words = clause.words
    found = re.search(r"\b(?:during|in|while|within|throughout) (?:phase |step )?s(\d+)\b", words)
    if not found or len(clause.subjects) != 2 or clause.relation:
        return clause, words
    number = int(found[1])
    around, what = clause.subjects[number], clause.subjects[1 - number]
    if around.kind not in ("phase", "step") or found[0].startswith("throughout"):
        return clause, words
    phrase = f"{what.phrase} during {around.noun}"
    both = Subject("both", (), phrase, "", f"{phrase} begin", phrase, (what, around))
    left = f"{words[: found.start()]} {words[found.end() :]}".replace(f"s{1 - number}", "s0")
    changed = Clause(
        " ".join(left.split()), clause.plain, (both,), clause.quantities, clause.times,
        clause.relation, clause.grain_ns, clause.denied,
    )  # fmt: skip
    return changed, changed.words


def _rows() -> list[tuple[str, rules.Rule]]:
    n = r"q\d+"
    often = rf"(?:on )?{n} (?:separate |different )?(?:times?|occasions?|instances?)"
    there = rf"(?:there {BE} )?"
    crew = r"(?:surgeon|team|operator)"
    case = r"(?:video|case|procedure|operation|recording)"
    stays = r"(?:remains?|remained|stays?|stayed)"
    uses = r"(?:uses?|used|employs?|employed)"
    put = r"(?:placed|applied|set|fired)"
    at_once = r"(?:together|simultaneously|at once|at same time|concurrently)"
    how = r"(?:(?:comes?|came) )?(?P<how>before|after|earlier than|later than)"
    soon = r"(?:immediately |directly )?"
    half = rf"(?P<side>(?:{SIDE})(?: (?:{SIDE}))?)(?: (?:half|side|part|quadrant|corner|area))?"
    where = r"(?P<how>left|right|above|below|higher|lower|under|beneath)"
    this = rf"(?:(?:this|it|procedure|operation|surgery|case|video)(?: {BE}| shows?| of)? )?"
    access = r"(?:(?P<access>laparoscopic|robotic|robot assisted) )?"
    what = r"(?P<name>cholecystectomy|colonoscopy)(?: procedure| operation)?"
    name = rf"(?:type of )?{access}{what}"
    first, last = r"(?:first|initially|newly)", r"(?:last|finally)"
    return [
        (rf"{S0}{IS}", rules.present),
        (rf"{WHO}(?:sign|evidence|use|presence|view) of s0{IS}", rules.present),
        (rf"{S0}(?: {BE})? {first} (?:{SEEN}|{SHOWS}|{BEGINS})", rules.edge("first")),
        (rf"{S0} {first} {BE}(?: (?:{SEEN}|{BEGINS}))?", rules.edge("first")),
        (rf"{S0}(?: {BE})? {last} (?:{SEEN}|{SHOWS})", rules.edge("last")),
        (rf"{S0}(?: {BE})?(?: (?:{SEEN}|{BEGINS}))? (?:for )?(?:first|initial) time",
         rules.edge("first")),
        (rf"{S0}(?: {BE})?(?: {SEEN})? (?:for )?(?:last|final) time", rules.edge("last")),
        (rf"(?:first appearance of s0 {BE}|s0 (?:makes?|made) (?:its )?first appearance)",
         rules.edge("first")),
        (rf"(?:last appearance of s0 {BE}|s0 (?:makes?|made) (?:its )?last appearance)",
         rules.edge("last")),
        (rf"{S0}(?: {BE})? {BEGINS}", rules.edge("begin")),
        (rf"{S0}(?: {BE})? {BEGINS}", rules.begin_without_time),
        (rf"{S0}(?: {BE})? {ENDS}", rules.edge("end")),
        (rf"{S0}{IS} throughout(?: (?:phase |step )?s1)?", rules.always),
        (rf"{WHO}{stays} s0 throughout|{S0} {stays}(?: {SEEN})? throughout", rules.always),
        (rf"{S0}{IS} for (?:whole|entire) {case}|{WHO}{stays} s0 for (?:whole|entire) {case}",
         rules.always),
        (rf"(?:{crew}|they) {uses} (?:s0|{LISTED})", rules.used),
        (rf"{there}s0(?: {BE})? {put}", rules.placed),
        (rf"{S0}{IS}(?: {BEGINS})? for (?:total of )?d\d+", rules.lasting),
        (rf"{S0}(?: {BE})? (?:lasts?|lasted|takes?|took|spans?|spanned|totals?) d\d+",
         rules.lasting),
        (rf"{S0} {BE} d\d+ long", rules.lasting),
        (rf"(?:analyzed )?(?:video|recording|film) (?:{BE}|lasts?|lasted) d\d+(?: long)?",
         rules.extent),
        (rf"(?:total )?(?:duration|length|time) of s0 {BE} d\d+", rules.lasting),
        (rf"{S0}(?: {BE})?(?: {BEGINS}) {often}", rules.often(looking.begins)),
        (rf"{S0}{IS} {often}", rules.often(looking.occasions)),
        (rf"{S0}{IS} in {n} (?:stretch(?:es)?|sightings?)", rules.often(looking.in_pieces)),
        (rf"{there}{n} s0(?: {BE})?(?: (?:{put}|{SEEN}))?", rules.things),
        (rf"{there}(?:total of )?{n} s0 {BE} {put}(?: by (?:{crew}))?",
         rules.things),
        (rf"{there}{n} s0 {BE} {put} on s1", rules.things),
        (rf"{there}(?P<q>{n} )?(?:(?:different|distinct|kinds of|types of) )?"
         rf"(?P<kind>instruments?|tools?|phases?){IS}", rules.kinds),
        (rf"(?:only )?s0 (?:{BE} )?(?:alone|by itself|only (?:instrument|tool)){IS}", rules.only),
        (rf"only s0{IS}", rules.only),
        (rf"{S0}{IS}(?: {at_once})? (?:with|alongside) s1(?: {at_once})?", rules.together),
        (rf"s0 and s1{IS} {at_once}", rules.together),
        (rf"s0{IS} (?:at same time as|while) s1{IS}", rules.together),
        (rf"{WHO}{LISTED}{IS}", rules.each),
        (rf"{S0}{IS}(?: {BEGINS})? {how} s1{IS}(?: {BEGINS})?", rules.ordered),
        (rf"{S0} (?P<how>precedes|preceded) s1", rules.ordered),
        (r"first (?:comes?|came) s0 (?:and )?then (?:comes? |came )?s1", rules.ordered),
        (rf"{S0} (?:{BE} )?{ENDS} before s1(?: {BE})?(?: {BEGINS})?", rules.ended_before),
        (rf"after s0 (?:{crew}|operation|procedure) (?:moved|proceeded|went)(?: on)? to s1",
         rules.follows),
        (rf"{S0} (?:{BE} )?{soon}(?P<how>followed by) s1", rules.follows),
        (rf"{S0} {soon}(?P<how>follows|followed) s1", rules.follows),
        (rf"s0 {BE} (?:used|employed|applied) (?:to|for) s1", rules.acted),
        (rf"(?:using|with) s0(?: {BE})?", rules.acting),
        (rf"it {BE} s0 that s1", rules.acted),
        (rf"(?:operation|procedure|surgery) {BE} (?:completed|performed|done|carried out) s0",
         rules.without),
        (rf"{TIP}s0(?: tip)?(?: (?:{BE}|lies|lay|sits|points|pointed))?(?: {SEEN}| located)? "
         rf"(?:in|on|at|into) {half}{PICTURE}", places.half),
        (rf"{TIP}s0 {BE} (?:further |farther )?(?:to )?{where} (?:than |of |to )?(?:that of )?"
         rf"{TIP}s1(?: {BE})?{PICTURE}", places.beside),
        (rf"{this}{name}{IS}", rules.procedure),
        (r"(?P<name>[a-z][a-z ]{1,40}?) (?:is|was|measures|measured) q\d+ "
         r"(?P<unit>[a-z]{1,12})", rules.measured),
    ]  # fmt: skip


_RULES: Final = tuple((re.compile(pattern), rule) for pattern, rule in _rows())
