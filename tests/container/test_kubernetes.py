# SPDX-License-Identifier: Apache-2.0
"""conf/kubernetes: the schemas accept it, PodSecurity's strictest level would, and the pod runs.

podman's kube support does not know native sidecars, probes without systemd, or a Secret's mode: it runs
the variant with ordinary containers, its token in a directory as the kubelet would make it.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from connd_testing import REPO, eventually
from managed import MANAGER, PASSWORD, Managed
from podman import RESTRICTED, Podman
from test_image import IMAGE_UID, Sidecar

FILES = REPO / "conf" / "kubernetes"
MANIFESTS = sorted(p.name for p in FILES.glob("*.yaml") if p.name != "airflow-values.yaml")
# Native sidecars are on by default from the first on.
VERSIONS = ("1.29", "1.37")
RESTRICTED_FILES = (
    "sidecar.yaml", "container.yaml", "cronjob.yaml", "managers.yaml", "managers-init.yaml",
)  # fmt: skip
LOOK_UP = """\
from airflow_connd.backend import Lookups
print(Lookups(socket_path="/run/connd/connd.sock").get_conn_value("warehouse"))
"""

Document = dict[str, Any]


def documents(name: str) -> list[Document]:
    return list(yaml.safe_load_all((FILES / name).read_text()))


def pod_from_values() -> Document:
    """What the chart makes of the values: they go into its pods as they are."""
    (values,) = documents("airflow-values.yaml")
    worker = {"name": "worker", "image": "apache/airflow", "volumeMounts": values["volumeMounts"]}
    spec = {
        "initContainers": values["workers"]["extraInitContainers"],
        "containers": [worker],
        "volumes": values["volumes"],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": spec}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*MANIFESTS, "airflow-values.yaml"])
def test_the_schemas_accept_it(name: str, version: str) -> None:
    found = [pod_from_values()] if name == "airflow-values.yaml" else documents(name)
    assert found
    for document in found:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_refuse_a_misspelling() -> None:
    (wrong,) = documents("sidecar.yaml")
    wrong["spec"]["template"]["spec"]["initContainers"][0]["restartPolcy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_every_role_of_airflow_has_the_same_sidecar() -> None:
    (values,) = documents("airflow-values.yaml")
    roles = ("workers", "triggerer", "scheduler", "dagProcessor", "apiServer")
    sidecars = [values[role]["extraInitContainers"] for role in roles]
    (plain,) = documents("sidecar.yaml")
    expected = plain["spec"]["template"]["spec"]["initContainers"]
    assert all(sidecar == expected for sidecar in sidecars)
    assert expected[0]["restartPolicy"] == "Always"


def pod_spec(name: str) -> Document:
    """Of the Deployment, CronJob or Job that is the last in a file."""
    spec: Document = documents(name)[-1]["spec"]
    if "jobTemplate" in spec:
        spec = spec["jobTemplate"]["spec"]
    found: Document = spec["template"]["spec"]
    return found


@pytest.mark.parametrize("name", RESTRICTED_FILES)
def test_the_restricted_level_would_admit_it(name: str) -> None:
    spec = pod_spec(name)
    allowed = {"name", "emptyDir", "secret", "configMap", "projected", "persistentVolumeClaim"}
    for volume in spec["volumes"]:
        assert set(volume) <= allowed
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] != 0
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")


def test_service_budget_policy_and_spread_select_the_managers() -> None:
    service, budget, policy, deployment = (d["spec"] for d in documents("managers.yaml"))
    labels = deployment["template"]["metadata"]["labels"]
    assert service["selector"] == labels == budget["selector"]["matchLabels"]
    spread = pod_spec("managers.yaml")["topologySpreadConstraints"]
    assert all(one["labelSelector"]["matchLabels"] == labels for one in spread)
    (rule,) = policy["podSelector"]["matchExpressions"]
    (job,) = documents("managers-init.yaml")
    label = "app.kubernetes.io/name"
    init = job["spec"]["template"]["metadata"]["labels"]
    assert rule["key"] == label and rule["values"] == [labels[label], init[label]]
    assert labels != init  # the Job is not behind the Service


def test_only_connd_sees_the_token_and_others_mount_the_directory_read_only() -> None:
    for spec in (
        documents("sidecar.yaml")[0]["spec"]["template"]["spec"],
        documents("container.yaml")[0]["spec"]["template"]["spec"],
        pod_from_values()["spec"],
    ):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
            if container["name"] == "connd":
                assert mounts["connd-token"]["readOnly"] is True
            else:
                assert set(mounts) == {"connd-socket"}
                assert mounts["connd-socket"]["readOnly"] is True
            assert all("subPath" not in mount for mount in mounts.values())


def test_the_cronjob_may_touch_one_secret_and_shows_its_token_to_kubectl_alone() -> None:
    _, secret, role, binding, cronjob = documents("cronjob.yaml")
    (rule,) = role["rules"]
    assert rule["resourceNames"] == [secret["metadata"]["name"]]
    assert rule["verbs"] == ["get", "patch"] and "data" not in secret
    spec = pod_spec("cronjob.yaml")
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == binding["subjects"][0]["name"]
    containers = [*spec["initContainers"], *spec["containers"]]
    mounts = {c["name"]: {m["name"] for m in c["volumeMounts"]} for c in containers}
    assert mounts == {
        "connd": {"connd-socket", "connd-token"},
        "export": {"connd-socket", "delivery"},
        "apply": {"delivery", "account"},
    }
    # The file that one writes with mode 0600 is read by the other.
    users = {c["securityContext"]["runAsUser"] for c in containers}
    assert users == {IMAGE_UID}
    assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_cronjob_s_export_is_a_valid_secret(managed: Managed, workdir: Path) -> None:
    job = Sidecar(managed, workdir)
    delivery = workdir / "delivery"
    delivery.mkdir()
    delivery.chmod(0o2777)  # as the kubelet makes an emptyDir
    (export,) = (c for c in pod_spec("cronjob.yaml")["initContainers"] if c["name"] == "export")
    job.mount_secret(0o440, 0, IMAGE_UID)
    try:
        job.start()
        job.assert_serves()
        managed.podman(
            *("run", "--rm", "--network=none", *RESTRICTED, f"--user={IMAGE_UID}:{IMAGE_UID}"),
            f"--volume={job.sockets}:/run/connd:ro",
            f"--volume={delivery}:/delivery",
            *(managed.image, *export["args"]),
        )
    finally:
        managed.podman.remove("connd")
    (written,) = delivery.iterdir()
    assert (written.stat().st_uid, written.stat().st_mode & 0o777) == (IMAGE_UID, 0o600)
    secret = yaml.safe_load(written.read_text())
    for version in VERSIONS:
        kubernetes_validate.validate(secret, version, strict=True)
    assert secret["metadata"]["name"] == documents("cronjob.yaml")[1]["metadata"]["name"]
    connection = json.loads(base64.b64decode(secret["data"]["AIRFLOW_CONN_WAREHOUSE"]))
    assert connection["password"] == PASSWORD


class Pod:
    """container.yaml run by podman: a worker, connd and a manager."""

    def __init__(self, managed: Managed, workdir: Path) -> None:
        self.podman = managed.podman
        self.file = workdir / "pod.yaml"
        secret = workdir / "secret"
        secret.mkdir()
        (secret / "token").write_text(managed.token)
        (secret / "token").chmod(0o440)
        os.chown(secret / "token", 0, 10001)
        document = copy.deepcopy(documents("container.yaml")[0])
        spec = document["spec"]["template"]["spec"]
        # podman gives no container the group of fsGroup: connd's own group has it here.
        spec["volumes"][1] = {"name": "connd-token", "hostPath": {"path": str(secret)}}
        spec["volumes"] += [
            {"name": "usr", "hostPath": {"path": "/usr"}},
            {"name": "shim", "hostPath": {"path": str(REPO / "python-shim" / "src")}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "manager-data"}},
        ]
        connd, worker = spec["containers"]
        settings = {
            "CONND__MANAGER__URL": "http://127.0.0.1:8888",
            "CONND__MANAGER__ORGANIZATION": managed.organization,
            "CONND__MANAGER__DEPLOYMENT": managed.deployment,
        }
        for variable in connd["env"]:
            variable["value"] = settings.get(variable["name"], variable["value"])
        self.probes = [connd.pop("startupProbe"), connd.pop("livenessProbe")]
        # The worker's own image: Debian's Python of this machine, and the shim.
        worker["command"] = ["/usr/bin/python3", "-c", "import signal; signal.pause()"]
        worker.pop("args")
        worker["env"].append({"name": "PYTHONPATH", "value": "/shim"})
        worker["volumeMounts"] += [
            {"name": "usr", "mountPath": "/usr", "readOnly": True},
            {"name": "shim", "mountPath": "/shim", "readOnly": True},
        ]
        manager = copy.deepcopy(connd)
        manager.update(
            name="manager",
            command=["connd-manager", "--data", "/data"],
            env=[],
            volumeMounts=[{"name": "data", "mountPath": "/data"}],
        )
        spec["containers"].append(manager)
        for container in spec["containers"]:
            container.update(image=managed.image, imagePullPolicy="Never")
        self.file.write_text(yaml.safe_dump(document))

    def __enter__(self) -> Pod:
        self.podman("play", "kube", "--network=none", self.file)
        return self

    def __exit__(self, *_: object) -> None:
        self.podman("play", "kube", "--down", self.file, check=False)

    def name(self, container: str) -> str:
        names = self.podman("ps", "--all", "--format={{.Names}}").stdout.split()
        return next(name for name in names if name.endswith(f"-pod-0-{container}"))

    def look_up(self) -> str:
        command = ("exec", self.name("worker"), "/usr/bin/python3", "-c", LOOK_UP)
        return self.podman(*command, check=False).stdout

    def is_served(self) -> bool:
        found = self.look_up()
        return found.startswith("{") and json.loads(found)["password"] == PASSWORD


@pytest.fixture
def pod(managed: Managed, workdir: Path, podman: Podman) -> Iterator[Pod]:
    podman("stop", "--time=10", MANAGER)  # its data is the pod's manager's meanwhile
    try:
        with Pod(managed, workdir) as running:
            yield running
    finally:
        podman("start", MANAGER)


def test_the_pod_serves_and_lookups_recover_when_connd_is_killed(pod: Pod) -> None:
    eventually(pod.is_served, "the worker's lookup is right", 60)
    uids = {
        name: pod.podman.inspect(pod.name(name))["Config"]["User"] for name in ("worker", "connd")
    }
    assert uids == {"worker": "50000:0", "connd": "10001:10001"}
    for probe in pod.probes:
        pod.podman("exec", pod.name("connd"), *probe["exec"]["command"])

    pid = pod.podman.inspect(pod.name("connd"))["State"]["Pid"]
    os.kill(pid, 9)
    eventually(
        lambda: pod.podman.inspect(pod.name("connd"))["State"]["Pid"] not in (0, pid),
        "connd is started again",
        60,
    )
    eventually(pod.is_served, "lookups recover", 60)

    # A manager that is down changes neither lookups nor what the liveness probe says.
    pod.podman("kill", "--signal=STOP", pod.name("manager"))
    assert pod.is_served()
    pod.podman("exec", pod.name("connd"), *pod.probes[1]["exec"]["command"])
    pod.podman("kill", "--signal=CONT", pod.name("manager"))
