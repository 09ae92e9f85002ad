//! Clients that are strangers, or do not behave: the sandbox refuses them, forgets them, and serves the others.

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ListParams, ObjectMeta, PostParams, WatchParams},
    config::Kubeconfig,
};
use libtest_mimic::Trial;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use crate::{
    run,
    sandbox::{Sandbox, eventually},
    trial,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("network::strangers_are_refused", strangers_are_refused),
        trial("network::garbage_instead_of_tls", garbage_instead_of_tls),
        trial(
            "network::half_closed_and_idle_connections",
            half_closed_and_idle_connections,
        ),
        trial(
            "network::clients_that_leave_in_the_middle_of_a_body",
            clients_that_leave_in_the_middle_of_a_body,
        ),
        trial(
            "network::clients_that_leave_in_the_middle_of_a_watch",
            clients_that_leave_in_the_middle_of_a_watch,
        ),
        trial("network::bodies_that_are_too_large", bodies_that_are_too_large),
        trial(
            "network::bodies_that_are_too_large_over_http2",
            bodies_that_are_too_large_over_http2,
        ),
    ]
}

/// A connection that speaks TLS, and whatever else one writes to it.
type Line = StreamOwned<ClientConnection, TcpStream>;

struct Caller<'a> {
    sandbox: &'a Sandbox,
    tls: Arc<ClientConfig>,
    token: String,
}

impl<'a> Caller<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let kubeconfig = Kubeconfig::read_from(sandbox.kubeconfig()).unwrap();
        let kubeconfig = serde_json::to_value(&kubeconfig).unwrap();
        let authority = kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]
            .as_str()
            .unwrap();
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(&STANDARD.decode(authority).unwrap()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Serializing a kubeconfig hides its secrets, so the file is asked.
        let text = std::fs::read_to_string(sandbox.kubeconfig()).unwrap();
        let text: Value = serde_json::from_str(&text).unwrap();
        let token = text["users"][0]["user"]["token"].as_str().unwrap().to_owned();
        Self {
            sandbox,
            tls: Arc::new(tls),
            token,
        }
    }

    fn plain(&self) -> TcpStream {
        let stream = TcpStream::connect(self.sandbox.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn call(&self) -> Line {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::clone(&self.tls), name).unwrap(),
            self.plain(),
        )
    }

    fn head(&self, method: &str, path: &str, more: &str) -> String {
        let token = &self.token;
        format!("{method} {path} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer {token}\r\n{more}\r\n")
    }

    /// The sandbox still serves somebody who behaves, and at once.
    fn others_are_served(&self) {
        let since = Instant::now();
        run(async {
            let maps: Api<ConfigMap> = Api::namespaced(self.sandbox.client().await, "default");
            maps.list(&ListParams::default()).await.unwrap();
        });
        assert!(since.elapsed() < Duration::from_secs(10));
    }

    /// The sandbox has about as many open files as it had: it keeps nothing of the clients that left.
    fn nothing_is_left(&self, before: usize) {
        eventually("the connections are forgotten", || self.files() <= before + 8);
        self.others_are_served();
    }

    fn files(&self) -> usize {
        // Where there is no /proc, being served is all that can be seen.
        std::fs::read_dir(format!("/proc/{}/fd", self.sandbox.process.id())).map_or(0, Iterator::count)
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn strangers_are_refused() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    let ask = |path: &str, authorization: Option<&str>| {
        let authorization = authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
        let mut line = caller.call();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
        line.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = line.read_to_string(&mut answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(body).unwrap_or(Value::from(body)))
    };
    let unauthorized = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    });
    for authorization in ["Bearer wrong", "bearer wrong", "Bearer é"] {
        assert_eq!(
            ask(MAPS, Some(authorization)),
            (401, unauthorized.clone()),
            "{authorization}"
        );
    }
    let forbidden = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "configmaps is forbidden: User \"system:anonymous\" cannot list resource \"configmaps\" in API group \"\" in \
                    the namespace \"default\"",
        "reason": "Forbidden", "details": {"kind": "configmaps"}, "code": 403,
    });
    for authorization in [None, Some("Bearer "), Some("Basic YWRtaW46YWRtaW4="), Some("")] {
        assert_eq!(ask(MAPS, authorization), (403, forbidden.clone()), "{authorization:?}");
    }
    assert_eq!(ask("/readyz", None), (200, "ok".into()));
    assert_eq!(ask("/version", None).0, 200);
    assert_eq!(ask("/openapi/v3", None).0, 403);
    assert_eq!(ask(MAPS, Some(&format!("Bearer {}", caller.token))).0, 200);
}

fn garbage_instead_of_tls() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    caller.others_are_served();
    let before = caller.files();
    let plain = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".as_bytes();
    let huge = [&b"\x16\x03\x01\xff\xff"[..], &[0xff; 70_000]].concat();
    for garbage in [plain, b"\0", &huge, b"\x16\x03\x01\x00\x05hello", "é".as_bytes()] {
        for _ in 0..50 {
            let mut stream = caller.plain();
            let _ = stream.write_all(garbage);
            let _ = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
        }
        caller.others_are_served();
    }
    // Those that hang up without a word.
    for _ in 0..200 {
        drop(caller.plain());
    }
    caller.nothing_is_left(before);
    // And garbage behind TLS.
    for garbage in [
        &b"\r\n\r\n"[..],
        b"NONSENSE\r\n\r\n",
        &[0; 100_000],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff",
    ] {
        for _ in 0..20 {
            let mut line = caller.call();
            let _ = line.write_all(garbage);
            line.conn.send_close_notify();
            let _ = line.flush();
            let mut answer = Vec::new();
            let _ = line.read_to_end(&mut answer);
        }
    }
    caller.nothing_is_left(before);
}

fn half_closed_and_idle_connections() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    caller.others_are_served();
    let before = caller.files();
    // A client that says that it will say no more, before it has its answer: it may get none, as one that left.
    for _ in 0..50 {
        let mut line = caller.call();
        line.write_all(caller.head("GET", "/version", "").as_bytes()).unwrap();
        line.sock.shutdown(Shutdown::Write).unwrap();
        let _ = line.read_to_end(&mut Vec::new());
    }
    // Many that say nothing, and many that say half of what they should.
    let silent: Vec<TcpStream> = (0..100).map(|_| caller.plain()).collect();
    let mut half = Vec::new();
    for _ in 0..100 {
        let mut line = caller.call();
        line.write_all(b"GET /version HTTP/1.1\r\nhost: ").unwrap();
        half.push(line);
    }
    caller.others_are_served();
    // A connection that is reused after a while.
    let mut line = caller.call();
    for _ in 0..3 {
        line.write_all(caller.head("GET", "/readyz", "").as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let length = line.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
        std::thread::sleep(Duration::from_millis(300));
    }
    drop((line, silent, half));
    caller.nothing_is_left(before);
}

fn clients_that_leave_in_the_middle_of_a_body() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    caller.others_are_served();
    let before = caller.files();
    let lengths = "content-type: application/json\r\ncontent-length: 1000\r\n";
    let chunks = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    for round in 0..300 {
        let mut line = caller.call();
        let (more, body) = if round % 2 == 0 {
            (lengths, "{\"metadata\":{\"name\":\"half\"}}")
        } else {
            (chunks, "1c\r\n{\"metadata\":{\"name\":\"half\"}}\r\n")
        };
        line.write_all(caller.head("POST", MAPS, more).as_bytes()).unwrap();
        line.write_all(body.as_bytes()).unwrap();
        line.flush().unwrap();
    }
    caller.nothing_is_left(before);
    // Half a body is no body, even if it would do.
    run(async {
        let maps: Api<ConfigMap> = Api::namespaced(sandbox.client().await, "default");
        assert!(maps.get_opt("half").await.unwrap().is_none());
    });
}

fn clients_that_leave_in_the_middle_of_a_watch() {
    use futures::TryStreamExt as _;

    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    caller.others_are_served();
    let before = caller.files();
    for _ in 0..200 {
        let mut line = caller.call();
        let path = format!("{MAPS}?watch=true&timeoutSeconds=3000");
        line.write_all(caller.head("GET", &path, "").as_bytes()).unwrap();
        let mut answer = [0; 512];
        assert!(line.read(&mut answer).unwrap() > 0);
    }
    // The same over HTTP/2, where a watch leaves and its connection stays.
    run(async {
        let maps: Api<ConfigMap> = Api::namespaced(sandbox.client().await, "default");
        let params = WatchParams::default().timeout(200);
        for number in 0..300 {
            let mut watch = Box::pin(maps.watch(&params, "0").await.unwrap());
            if number % 10 == 0 {
                let name = Some(format!("map-{number}"));
                let metadata = ObjectMeta {
                    name,
                    ..Default::default()
                };
                let map = ConfigMap {
                    metadata,
                    ..Default::default()
                };
                maps.create(&PostParams::default(), &map).await.unwrap();
                watch.try_next().await.unwrap().unwrap();
            }
        }
    });
    caller.nothing_is_left(before);
}

fn bodies_that_are_too_large() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    run(async {
        let client = sandbox.client().await;
        for (size, code) in [((3 << 20) + 1, 413), (3 << 20, 400), (40 << 20, 413)] {
            let request = http::Request::post(MAPS)
                .header("content-type", "application/json")
                .body(kube::client::Body::from(vec![b'x'; size]))
                .unwrap();
            let answer = match client.send(request).await {
                Ok(answer) => answer,
                // The server hangs up on who goes on sending; the answer may then be lost.
                Err(_) if size > 4 << 20 => continue,
                Err(error) => panic!("{size}: {error}"),
            };
            assert_eq!(answer.status().as_u16(), code, "{size}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            if code == 413 {
                let status: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(status["message"], "Request entity too large: limit is 3145728");
            }
        }
    });
    caller.others_are_served();
}

/// An answer that comes before everything is sent ends the stream early, and some clients lose the answer with it.
fn bodies_that_are_too_large_over_http2() {
    let sandbox = Sandbox::start();
    let caller = Caller::new(&sandbox);
    run(async {
        let mut tls = ClientConfig::clone(&caller.tls);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let stream = tokio::net::TcpStream::connect(sandbox.address()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        for chunks in [49, 64, 192] {
            let sent = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&sent);
            let pieces = futures::stream::iter(0..chunks).map(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 64 << 10])))
            });
            let request = http::Request::post(format!("{}{MAPS}", sandbox.url))
                .header("authorization", format!("Bearer {}", caller.token))
                .header("content-type", "application/json")
                .body(StreamBody::new(pieces))
                .unwrap();
            let answer = client.send_request(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), 413, "{chunks}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let status: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(status["message"], "Request entity too large: limit is 3145728");
            assert_eq!(sent.load(Ordering::Relaxed), chunks, "the answer came before the end");
        }
    });
}
