"""Find records by words in either language, with or without Vietnamese marks.

A query is cut into concepts: the glossary's terms with all their spellings, then single words.
A record is found when it holds every concept, in any spelling; so `ti le hoc`, `tỷ lệ học` and `learning rate`
are one question.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from recipe_kb.schema.base import Text
from recipe_kb.schema.rule import Term
from recipe_kb.store.store import Store
from recipe_kb.text import search_words, squash

Words = tuple[str, ...]
_TITLE_WEIGHT = 5
_NAMED_WEIGHT = 100
_LANGUAGES = {"vi": "Vietnamese tiếng Việt", "en": "English tiếng Anh", "multilingual": "multilingual đa ngôn ngữ"}
_KINDS = ("term", "rule", "recipe", "gpu", "model", "guide", "claim", "source")


@dataclass(frozen=True, kw_only=True)
class Document:
    """One record as search sees it."""

    kind: str
    id: str
    title: Text
    body: str


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One found record."""

    document: Document
    score: int


def search(store: Store, query: str) -> list[Hit]:
    """Return the records that hold every concept of the query, best first."""
    terms = store.terms()
    concepts = list(_concepts(tuple(search_words(query)), terms))
    hits = []
    for document in documents(store, terms):
        title = tuple(search_words(f"{document.id} {document.title.en} {document.title.vi}"))
        words = title + tuple(search_words(document.body))
        named = _NAMED_WEIGHT * (squash(query) == squash(document.id))
        scores = [_score(concept, title, words) for concept in concepts]
        if scores and all(scores):
            hits.append(Hit(document=document, score=sum(scores) + named))
    return sorted(hits, key=lambda hit: (-hit.score, _KINDS.index(hit.document.kind), hit.document.id))


def _concepts(query: Words, terms: Iterable[Term]) -> Iterator[list[Words]]:
    """Cut a query into concepts, each a list of equivalent spellings."""
    spellings = [[tuple(search_words(form)) for form in (term.en, term.vi, *term.spellings)] for term in terms]
    position = 0
    while position < len(query):
        found = max(
            (
                (len(form), forms)
                for forms in spellings
                for form in forms
                if form and query[position : position + len(form)] == form
            ),
            key=lambda candidate: candidate[0],
            default=None,
        )
        if found:
            length, forms = found
            yield forms
            position += length
        else:
            yield [(query[position],)]
            position += 1


def _score(forms: Sequence[Words], title: Words, words: Words) -> int:
    """Count how well any spelling matches: in the title counts most; a single word may be a beginning."""
    if any(_holds(title, form) for form in forms):
        return _TITLE_WEIGHT
    return 1 if any(_holds(words, form) for form in forms) else 0


def _holds(words: Words, form: Words) -> bool:
    if len(form) == 1:
        return any(word.startswith(form[0]) for word in words)
    size = len(form)
    return any(words[start : start + size] == form for start in range(len(words) - size + 1))


def documents(store: Store, terms: Iterable[Term]) -> Iterator[Document]:
    """Yield every record of the knowledge base as words; recipes by their ids, without opening them."""
    for term in terms:
        body = " ".join((*term.spellings, term.meaning.en, term.meaning.vi))
        yield Document(kind="term", id=term.id, title=Text(en=term.en, vi=term.vi), body=body)
    for rule_id in store.rule_ids():
        rule = store.rule(rule_id)
        body = " ".join((rule.formula, rule.statement.en, rule.statement.vi, *_both(rule.caveat)))
        yield Document(kind="rule", id=rule_id, title=rule.title, body=body)
    for gpu_id in store.gpu_ids():
        gpu = store.gpu(gpu_id)
        names = " ".join((*gpu.aliases, *gpu.device_names, gpu.architecture, *_both(gpu.note)))
        yield Document(kind="gpu", id=gpu_id, title=Text(en=gpu.name, vi=gpu.name), body=names)
    for model_id in store.model_ids():
        model = store.model(model_id)
        spoken = [_LANGUAGES.get(language, language) for language in model.languages]
        notes = (*_both(model.note), *_both(model.fine_tuning.note))
        names = " ".join((model.hub_id, *model.aliases, model.architecture, *spoken, *notes))
        yield Document(kind="model", id=model_id, title=Text(en=model.hub_id, vi=model.hub_id), body=names)
    for key in store.recipe_keys():
        tasks = " ".join(f"{count}t {count} task tasks" for count in range(key.tasks[0], key.tasks[1] + 1))
        body = f"{key.gpu} {key.model} {tasks} {key.max_length} {key.method} {key.goal}".replace("-", " ")
        yield Document(kind="recipe", id=str(key), title=Text(en=str(key), vi=str(key)), body=f"{body} {key}")
    for guide in store.guides():
        yield Document(kind="guide", id=guide.id, title=guide.subject, body=guide.title)
    for claim in store.claims():
        body = f"{claim.reason.en} {claim.reason.vi} {claim.verdict}"
        yield Document(kind="claim", id=claim.id, title=claim.statement, body=body)
    for source_id, source in store.sources().items():
        body = f"{source.where} {source.note or ''}"
        yield Document(kind="source", id=source_id, title=Text(en=source.title, vi=source.title), body=body)


def _both(text: Text | None) -> tuple[str, ...]:
    return (text.en, text.vi) if text else ()
