"""Reader of the pages of the report, ``dbt/report/*.yml``: each with its sections and the questions they answer.

Checks what one entry cannot know: that names are unique, that a question is declared, that a picture shows a chart.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from refera_platform.errors import SettingError
from refera_platform.project.model import Question, Report, ReportSection
from refera_platform.project.report_declarations import PageDeclaration, PageTable, SectionDeclaration, Text
from refera_platform.project.yaml_file import KeyPath, YamlFile


def read_reports(files: Sequence[YamlFile], questions: Sequence[Question]) -> tuple[Report, ...]:
    """Every page, in the order of the files.

    Raises:
        SettingError: naming file and line of the first mistake.
    """
    return tuple(_read_report(file, questions) for file in files)


def default_report(questions: Sequence[Question]) -> Report:
    """The page of a project that declares none: every question with its answers as tables."""
    page = PageDeclaration(title=Text(en="Business report", pt="Relatório do negócio"))
    return Report(
        name="report", file=Path("the default page"), page=page, sections=tuple(map(_default_section, questions))
    )


def _read_report(file: YamlFile, questions: Sequence[Question]) -> Report:
    page = file.parse(PageDeclaration, file.content, ())
    sections = tuple(_iter_sections(file, page, questions)) or tuple(map(_default_section, questions))
    report = Report(name=file.path.stem, file=file.path, page=page, sections=sections)
    _require_unique_names(file, report)
    _require_preview_charts(file, report)
    return report


def _iter_sections(file: YamlFile, page: PageDeclaration, questions: Sequence[Question]) -> Iterator[ReportSection]:
    for index, said in enumerate(page.sections):
        if said.question is None:
            title = said.title or Text(en=said.name)
            yield ReportSection(key=said.name, title=title, short=said.short or title, said=said)
            continue
        question = next((each for each in questions if said.question in (each.number, each.name)), None)
        if question is None:
            numbers = ", ".join(f"{each.number} ({each.name})" for each in questions) or "none"
            raise SettingError(
                f"{file.where(('sections', index, 'question'))}: question {said.question} is not declared:",
                f"name one of the project's questions: {numbers}.",
            )
        yield _section_of(question, said)


def _default_section(question: Question) -> ReportSection:
    return _section_of(question, SectionDeclaration(question=question.number))


def _section_of(question: Question, said: SectionDeclaration) -> ReportSection:
    if not (said.sentences or said.charts or said.tables):
        tables = [PageTable(of=answer.model, order=answer.order_by) for answer in question.answers]
        said = said.model_copy(update={"tables": tables})
    title = said.title or Text(en=question.english, pt=question.portuguese)
    return ReportSection(key=str(question.number), title=title, short=said.short or title, said=said, question=question)


def _require_unique_names(file: YamlFile, report: Report) -> None:
    """Require that sections, charts and tables have names of their own.

    Raises:
        SettingError: naming the second of two.
    """
    lines: dict[tuple[str, str], str] = {}
    for kind, name, key_path in _iter_names(report):
        where = file.where(key_path)
        if (first := lines.setdefault((kind, name), where)) is not where:
            raise SettingError(f"{where}: {kind} {name} stands at {first} too:", "give it another name.")


def _iter_names(report: Report) -> Iterator[tuple[str, str, KeyPath]]:
    for index, section in enumerate(report.sections):
        yield "section", section.key, ("sections", index)
        for number, chart in enumerate(section.said.charts):
            yield "chart", chart.name, ("sections", index, "charts", number)
        for number, table in enumerate(section.said.tables):
            yield f"table of section {section.key}", table.key, ("sections", index, "tables", number)


def _require_preview_charts(file: YamlFile, report: Report) -> None:
    """Require that the picture shows charts of the page.

    Raises:
        SettingError: naming the chart.
    """
    charts = {chart.name for section in report.sections for chart in section.said.charts}
    for name in report.page.preview:
        if name not in charts:
            raise SettingError(f"{file.where(('preview',))}: there is no chart {name!r}:", "name charts of the page.")
