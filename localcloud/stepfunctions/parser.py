"""From the text of a definition to moto's program, with what moto's parser gets wrong set right.

moto keeps the query languages of the states it is inside in one list for the whole process: two parses at
once, or one that failed, mislead every later one. It refuses a JSONPath state inside a JSONata one, leaves
escapes in a constant of an Assign, and forgets which field an expression stood in.
"""

import functools
import json
from typing import Any

from antlr4 import ParserRuleContext
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component.common.assign.assign_template_value_terminal import (
    AssignTemplateValueTerminalLit,
)
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguage
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from localcloud import _moto_seams


class Reader(Preprocessor):
    def __init__(self) -> None:
        self._query_language_per_scope: list[QueryLanguage] = []

    def _open_query_language_scope(self, parse_tree: ParserRuleContext) -> None:
        statements = [child.children[0] if _is_statement(child) else child for child in parse_tree.children]
        declared = [child for child in statements if isinstance(child, ASLParser.Query_language_declContext)]
        if declared:
            language = self.visit(declared[0])
        else:
            language = (self._query_language_per_scope or [QueryLanguage()])[-1]
        self._query_language_per_scope.append(language)

    def visitAssign_template_value_terminal_string_literal(self, ctx: Any) -> AssignTemplateValueTerminalLit:  # noqa: N802  named by the grammar
        return AssignTemplateValueTerminalLit(value=_string(ctx.string_literal()))

    def visitString_jsonata(self, ctx: Any) -> StringJSONata:  # noqa: N802  named by the grammar
        string = super().visitString_jsonata(ctx)
        string.field = _field(ctx)
        return string


def install() -> None:
    parse = "moto.stepfunctions.parser.asl.parse"
    _moto_seams.replace(f"{parse}.asl_parser", "Preprocessor", Reader)
    _moto_seams.replace(f"{parse}.preprocessor", "from_string_literal", _string)


@functools.lru_cache(maxsize=256)
def parsed(definition: str) -> Program:
    """The program of a definition. It keeps no state between evaluations, so executions share it."""
    machine = json.loads(definition)
    _respell(machine)
    program: Program = AmazonStateLanguageParser.parse(json.dumps(machine, ensure_ascii=False))[0]
    return program


def _string(parser_rule_context: ParserRuleContext) -> str:
    """A string as JSON reads it; moto compiles it as Python, which CPython 3.11 cannot do in two threads."""
    text: str = parser_rule_context.getText()
    return str(json.loads(text)) if text.startswith('"') else text


def _is_statement(child: Any) -> bool:
    return isinstance(child, (ASLParser.Top_layer_stmtContext, ASLParser.State_stmtContext))


def _field(ctx: ParserRuleContext) -> str:
    """Where in its state an expression stands, as AWS's errors name it: Arguments/FunctionName."""
    keys: list[str] = []
    part = ctx.parentCtx
    while part is not None and not isinstance(part, ASLParser.State_declContext):
        texts = [child.getText() for child in part.children[:2]]
        if len(texts) == 2 and texts[1] == ":":  # noqa: PLR2004  a key and its colon
            keys.insert(0, json.loads(texts[0]))
        part = part.parentCtx
    return "/".join(keys)


def _respell(node: Any) -> None:
    """A whole percentage is legal, but moto's grammar wants a point in it."""
    if isinstance(node, dict):
        percentage = node.get("ToleratedFailurePercentage")
        if isinstance(percentage, int):
            node["ToleratedFailurePercentage"] = float(percentage)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _respell(child)
