"""Drives `deputy stepfunctions serve` with boto3 and the aws command, as their users would.

    python3 -m venv .venv && .venv/bin/pip install boto3 awscli
    .venv/bin/python tests/asl-conformance/smoke.py target/debug/deputy
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import boto3

ROLE = "arn:aws:iam::000000000000:role/r"
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
ASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": None, "End": True}}}


def pages(client, operation, key, **request):
    return [item for page in client.get_paginator(operation).paginate(**request) for item in page[key]]


def boto(client):
    machine = client.create_state_machine(name="m", definition=json.dumps(WAIT), roleArn=ROLE)["stateMachineArn"]
    arns = [client.start_execution(stateMachineArn=machine, name=f"e{n}")["executionArn"] for n in range(3)]
    assert len(pages(client, "list_executions", "executions", stateMachineArn=machine, PaginationConfig={"PageSize": 1})) == 3
    for arn in arns:
        client.stop_execution(executionArn=arn, error="E", cause="c")
        described = client.describe_execution(executionArn=arn)
        assert (described["status"], described["error"]) == ("ABORTED", "E"), described
    events = pages(client, "get_execution_history", "events", executionArn=arns[0], PaginationConfig={"PageSize": 1})
    kinds = [event["type"] for event in events]
    assert kinds == ["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"], kinds
    try:
        client.start_execution(stateMachineArn=machine, name="e0")
        raise AssertionError("a name was used twice")
    except client.exceptions.ExecutionAlreadyExists as error:
        assert "Execution Already Exists" in str(error)
    version = client.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    alias = client.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}])
    assert client.start_execution(stateMachineArn=alias["stateMachineAliasArn"])["executionArn"].count(":live:") == 1
    client.tag_resource(resourceArn=machine, tags=[{"key": "k", "value": "v"}])
    assert client.list_tags_for_resource(resourceArn=machine)["tags"] == [{"key": "k", "value": "v"}]

    activity = client.create_activity(name="a")["activityArn"]
    ASK["States"]["A"]["Resource"] = activity
    asking = client.create_state_machine(name="ask", definition=json.dumps(ASK), roleArn=ROLE)["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=asking, input='{"n": 1}')["executionArn"]
    task = client.get_activity_task(activityArn=activity, workerName="w")
    assert json.loads(task["input"]) == {"n": 1}
    client.send_task_heartbeat(taskToken=task["taskToken"])
    client.send_task_success(taskToken=task["taskToken"], output='"done"')
    assert client.describe_execution(executionArn=execution)["output"] == '"done"'

    passing = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 1, "End": True}}})
    express = client.create_state_machine(name="x", definition=passing, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    assert client.start_sync_execution(stateMachineArn=express)["output"] == "1"
    tried = client.test_state(definition='{"Type": "Pass", "Result": 2, "End": true}', roleArn=ROLE, input="{}")
    assert tried["output"] == "2", tried
    assert client.validate_state_machine_definition(definition="{}")["result"] == "FAIL"


def aws(address, *arguments):
    command = [os.path.join(os.path.dirname(sys.executable), "aws"), "--endpoint-url", f"http://{address}",
               "--region", "us-east-1", "--output", "json", "stepfunctions", *arguments]
    variables = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command_line(address):
    names = [machine["name"] for machine in aws(address, "list-state-machines")["stateMachines"]]
    assert names == ["ask", "m", "x"], names
    started = aws(address, "start-execution", "--state-machine-arn",
                  "arn:aws:states:us-east-1:000000000000:stateMachine:m", "--name", "cli", "--input", "{}")
    described = aws(address, "describe-execution", "--execution-arn", started["executionArn"])
    assert described["status"] == "RUNNING", described


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.argv[1], "stepfunctions", "serve", "--data", str(pathlib.Path(folder) / "data"), "--port", "0", "--log-json"],
            stderr=subprocess.PIPE, text=True)
        try:
            address = re.search(r'"address":"([^"]+)"', server.stderr.readline()).group(1)
            # The log must not fill the pipe.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            client = boto3.client(
                "stepfunctions", endpoint_url=f"http://{address}", region_name="us-east-1",
                aws_access_key_id="any", aws_secret_access_key="any",
                # StartSyncExecution goes to sync-HOST otherwise.
                config=boto3.session.Config(inject_host_prefix=False))
            boto(client)
            command_line(address)
            print("boto3", boto3.__version__, "and the aws command are served")
        finally:
            server.terminate()
            assert server.wait(10) == 0


main()
