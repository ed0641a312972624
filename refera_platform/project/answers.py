"""Declared questions and mirrors of a project, from the ``exposures:`` and ``models:`` of its yml files.

A question is an exposure that says its number; its answers are the models that it depends on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refera_platform.errors import SettingError
from refera_platform.project.declarations import ModelDeclaration, QuestionDeclaration
from refera_platform.project.model import AnswerTable, Mirror, Question
from refera_platform.project.sources import DECLARATION_PATH, declaration_of, entries
from refera_platform.project.yaml_file import YamlFile

REFERENCE_PATTERN = re.compile(r"ref\(\s*(['\"])(\w+)\1\s*\)")


def read_models(files: Sequence[YamlFile]) -> dict[str, ModelDeclaration]:
    """What each model says to the engine, by its name; models that say nothing are left out.

    Raises:
        SettingError: naming file and line of the first mistake.
    """
    declared = {}
    for file in files:
        for index, entry in entries(file, file.content, "models"):
            if (said := declaration_of(entry)) is not None:
                key_path = ("models", index, *DECLARATION_PATH)
                declared[str(entry.get("name", ""))] = file.parse(ModelDeclaration, said, key_path)
    return declared


def read_mirrors(models: Mapping[str, ModelDeclaration]) -> tuple[Mirror, ...]:
    """The mirrors among the models."""
    return tuple(
        Mirror(
            table=said.mirrors.table,
            model=name,
            columns=said.mirrors.columns,
            as_typed_columns=frozenset(said.mirrors.as_typed),
            member_named_columns=frozenset(said.mirrors.member_named),
            where=said.mirrors.where,
        )
        for name, said in models.items()
        if said.mirrors
    )


def read_questions(files: Sequence[YamlFile], models: Mapping[str, ModelDeclaration]) -> tuple[Question, ...]:
    """The questions in the order of their numbers, each with its answers in the order of its dependences.

    Raises:
        SettingError: naming file and line of the first mistake, and of two questions with one number.
    """
    questions: dict[int, Question] = {}
    for question, where in _iter_questions(files, models):
        if question.number in questions:
            raise SettingError(f"{where}: question {question.number} is declared twice:", "give it another number.")
        questions[question.number] = question
    return tuple(questions[number] for number in sorted(questions))


def _iter_questions(
    files: Sequence[YamlFile], models: Mapping[str, ModelDeclaration]
) -> Iterator[tuple[Question, str]]:
    for file in files:
        for index, entry in entries(file, file.content, "exposures"):
            if (said := declaration_of(entry)) is None:
                continue
            key_path, where = ("exposures", index), file.where(("exposures", index))
            declaration = file.parse(QuestionDeclaration, said, (*key_path, *DECLARATION_PATH))
            english = str(entry.get("label") or entry.get("name") or "")
            answers = tuple(_answers(entry, models))
            if not answers:
                raise SettingError(
                    f"{where}: question {declaration.number} depends on no model:", "add depends_on: [ref('ans_...')]."
                )
            yield (
                Question(
                    number=declaration.number,
                    name=str(entry.get("name", "")),
                    english=english,
                    portuguese=declaration.label.pt or english,
                    answers=answers,
                ),
                where,
            )


def _answers(entry: Mapping[str, Any], models: Mapping[str, ModelDeclaration]) -> Iterator[AnswerTable]:
    for reference in entry.get("depends_on") or ():
        if match := REFERENCE_PATTERN.fullmatch(str(reference).strip()):
            name = match[2]
            yield AnswerTable(model=name, order_by=models[name].order_by if name in models else "")
