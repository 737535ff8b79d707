"""Recorded conversations with AWS, held again with the local cloud: the same calls, the answers compared."""

import io
import json
import re
import time
import zipfile

from botocore.exceptions import ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

_HOLE = re.compile(r"\{\{([\w.]+)(?::([^}]+))?\}\}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_MASKED = {"sequencer", "amz-id", "amz-request-id"}  # the recorder wrote the field's name for its value
_HANDLER = {
    "return-input": (
        "import json\ndef handler(event, context):\n    print(json.dumps(event))\n    return event\n"
    ),
    "return-value": "def handler(event, context):\n    return {value!r}\n",
    "raise": "def handler(event, context):\n    raise type({type!r}, (Exception,), {{}})({message!r})\n",
}


class NotApplicableError(Exception):
    """A conversation cannot be held here; the text says why."""


class DifferentError(Exception):
    """An answer lacks what a later call needs."""


class Conversation:
    """One recorded case on a running local cloud."""

    def __init__(self, text, mark, client, role_arn):
        # names are used by many cases and told apart by their ends
        self._case = json.loads(re.sub(r"-u(\d+)", rf"-u\g<1>{mark}", text))
        self._client = client
        self._known = {("account", None): "123456789012", ("region", None): "us-east-1"}
        self._known["role_arn", None] = role_arn
        self._answers = []
        self._queues = []
        self._log_groups = []
        self._arrived = []
        self._loose = [path.rpartition("..")[2].split(".")[-1] for path in self._case.get("loose", ())]

    def differences(self):
        """What was answered otherwise than on AWS, one line each; empty when all agrees."""
        self._refuse_inapplicable()
        wrong = []
        for number, call in enumerate(self._case["calls"]):
            try:
                answer, failed = self._call(call)
            except DifferentError as error:
                return [f"call {number} {call['call']}: {error}"]
            self._answers.append(answer)
            if failed != call.get("fails", False):
                wrong.append(f"call {number} {call['call']}: {'failed' if failed else 'passed'}: {answer}")
                return wrong
        for label, recorded in self._case["answers"].items():
            if "of_call" in recorded:
                found = self._answers[recorded["of_call"]]
                if problem := self._compare(self._fill(recorded["content"]), found, label):
                    wrong.append(problem)
            else:
                wrong += self._missing(label, self._fill(recorded["content"]))
        return wrong

    def _refuse_inapplicable(self):
        if self._case["calls_known"] != "all":
            raise NotApplicableError("the recording leaves calls out")
        for call in self._case["calls"]:
            if "{{unknown" in json.dumps(call):
                raise NotApplicableError("the recording leaves a value out")
            kind = call.get("behaviour", {}).get("kind")
            if kind is not None and kind not in _HANDLER:
                raise NotApplicableError("the code of a function is not recorded")
            if call["call"] in _ELSEWHERE:
                raise NotApplicableError(_ELSEWHERE[call["call"]])
            if (
                "protocol" in (name.lower() for name in call["params"])
                and call["params"].get("Protocol") in _OUTSIDE
            ):
                raise NotApplicableError("needs a listener outside the account")

    def _call(self, call):
        if call["call"] == "get_waiter":
            return {}, False
        parameters = self._fill(call["params"])
        if call["call"] == "create_function":
            self._describe_function(call, parameters)
        try:
            answer = getattr(self._client(call["service"]), call["call"])(**parameters)
        except ClientError as error:
            return error.response, True
        except ResponseParserError as error:
            return {"Error": {"Code": "500", "Message": str(error)}}, True
        except ParamValidationError as error:
            raise NotApplicableError(f"botocore refuses the call: {error}") from error
        self._remember(call["call"], parameters, answer)
        return answer, False

    def _describe_function(self, call, parameters):
        behaviour = call.get("behaviour", {"kind": "return-input"})
        code = _HANDLER[behaviour["kind"]]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            plain = behaviour["kind"] == "return-input"
            archive.writestr("app.py", code if plain else code.format(**behaviour))
        parameters.setdefault("Role", self._known["role_arn", None])
        parameters.update(Runtime="python3.11", Handler="app.handler", Code={"ZipFile": buffer.getvalue()})
        self._log_groups.append(f"/aws/lambda/{parameters['FunctionName']}")

    def _remember(self, call, parameters, answer):
        match call:
            case "create_log_group":
                self._log_groups.append(parameters["logGroupName"])
            case "create_queue":
                name, url = parameters["QueueName"], answer["QueueUrl"]
                self._known["queue_url", name] = url
                self._known["queue_arn", name] = f"arn:aws:sqs:us-east-1:123456789012:{name}"
                self._queues.append(url)
            case "create_topic":
                self._known["topic_arn", parameters["Name"]] = answer["TopicArn"]
            case "create_function":
                self._known["function_arn", parameters["FunctionName"]] = answer["FunctionArn"]
            case "put_rule":
                self._known["rule_arn", parameters["Name"]] = answer["RuleArn"]
            case "create_table":
                self._known["table_arn", parameters["TableName"]] = answer["TableDescription"]["TableArn"]

    def _fill(self, value):
        if isinstance(value, list):
            return [self._fill(each) for each in value]
        if isinstance(value, dict):
            if value.keys() == {"bytes_text"}:
                return value["bytes_text"].encode()
            if value.keys() == {"now_plus_seconds"}:
                return time.time() + value["now_plus_seconds"]
            return {key: self._fill(each) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        whole = _HOLE.fullmatch(value)
        return self._look_up(whole) if whole else _HOLE.sub(lambda hole: str(self._look_up(hole)), value)

    def _look_up(self, hole):
        kind, key = hole[1], hole[2]
        if kind == "answer":
            number, *path = key.split(".")
            found = self._answers[int(number)]
            for part in path:
                try:
                    found = found[int(part)] if part.isdecimal() else found[part]
                except (KeyError, IndexError) as error:
                    raise DifferentError(f"answer {number} has no {key} for a later call") from error
            return found
        if (kind, key) not in self._known:
            raise NotApplicableError(f"the recording leaves {kind} {key or ''} out")
        return self._known[kind, key]

    def _missing(self, label, content):
        """Of what was received later on AWS, what does not arrive here within five seconds."""
        if isinstance(content, dict) and "Error" in content:
            errors = [answer for answer in self._answers if "Error" in answer]
            found = any(not self._compare(content, error, "") for error in errors)
            return [] if found else [f"{label}: no such error"]
        missing = list(_messages(content))
        until = time.monotonic() + 5
        while True:
            self._arrived += self._received()
            # messages are taken once, lines of a log are there for every later answer
            logged = list(self._logged())
            missing = [each for each in missing if not self._take(each, self._arrived, logged)]
            if not missing or time.monotonic() > until:
                return [f"{label}: not received: {json.dumps(each, default=str)[:300]}" for each in missing]
            time.sleep(0.02)

    def _take(self, wanted, *places):
        for place in places:
            for position, found in enumerate(place):
                if not self._compare(wanted, found, ""):
                    place.pop(position)
                    return True
        return False

    def _received(self):
        for answer in self._answers:
            yield from (_parsed(message["Body"]) for message in answer.pop("Messages", ()))
        for url in self._queues:
            answer = self._client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", ()):
                body = _parsed(message["Body"])
                yield body
                if isinstance(body, dict):
                    yield from body.get("Records", ())

    def _logged(self):
        for group in self._log_groups:
            try:
                events = self._client("logs").filter_log_events(logGroupName=group)["events"]
            except ClientError:  # the function has not run yet
                continue
            yield from (_parsed(event["message"]) for event in events)

    def _compare(self, wanted, found, where):
        """The first place where two values differ, or nothing."""
        wanted, found = _parsed(wanted), _parsed(found)
        if isinstance(wanted, str):
            return (
                None
                if _text_agrees(wanted, found)
                else f"{where}: {str(found)[:150]!r}, was {wanted[:150]!r}"
            )
        if isinstance(wanted, dict) and isinstance(found, dict):
            return self._compare_objects(wanted, found, where)
        if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
            pairs = enumerate(zip(wanted, found, strict=True))
            return next(filter(None, (self._compare(a, b, f"{where}[{i}]") for i, (a, b) in pairs)), None)
        same = wanted == found and isinstance(wanted, bool) == isinstance(found, bool)
        return None if same else f"{where}: {str(found)[:150]!r}, was {str(wanted)[:150]!r}"

    def _compare_objects(self, wanted, found, where):
        ignored = {"ResponseMetadata", *self._loose}
        for key in (wanted.keys() | found.keys()) - ignored:
            if key not in found or key not in wanted:
                return f"{where}.{key}: {'missing' if key in wanted else 'not recorded'}"
            if problem := self._compare(wanted[key], found[key], f"{where}.{key}"):
                return problem
        return None


_OUTSIDE = {"http", "https", "email", "sms", "application", "firehose"}
_STREAMS = "streams of DynamoDB are not part of the local cloud"
_ELSEWHERE = {
    "start_message_move_task": "message move tasks are not part of the local cloud",
    "list_message_move_tasks": "message move tasks are not part of the local cloud",
    "cancel_message_move_task": "message move tasks are not part of the local cloud",
    "update_table": _STREAMS,
    "put_data_protection_policy": "data protection policies are not part of the local cloud",
    "get_data_protection_policy": "data protection policies are not part of the local cloud",
    "restore_object": "restoring from Glacier takes hours",
    "generate_presigned_url": "a call that is not recorded uses the address",
    "generate_presigned_post": "a call that is not recorded uses the address",
}


def _messages(content):
    """The bodies of what was received, however the recorder kept them."""
    if isinstance(content, list):
        for each in content:
            yield from _messages(each)
    elif isinstance(content, dict) and "Body" in content:
        yield _parsed(content["Body"])
    elif isinstance(content, dict) and len(content) <= 2 and ("Messages" in content or "messages" in content):
        yield from _messages(content.get("Messages", content.get("messages")))
    else:
        yield (
            content.get("message", content)
            if isinstance(content, dict) and "ingestionTime" in content
            else content
        )


def _parsed(value):
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text_agrees(wanted, found):
    """`<name>` stands for any text; alone, for any value. An instant inside a text was recorded as `date`."""
    if re.fullmatch(r"<[^<>]*>", wanted) or wanted in _MASKED:
        return True
    if not isinstance(found, str):
        return False
    pattern = ".*".join(map(re.escape, re.split(r"<[^<>]*>", wanted)))
    return any(re.fullmatch(pattern, text, re.DOTALL) for text in (found, _INSTANT.sub("date", found)))
