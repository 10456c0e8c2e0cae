/// What holds where the file says nothing.
///
/// Each value is also what the reference shows.
enum Defaults {
    static let headerTimeout = 10 * Literals.second
    static let bodyTimeout = 30 * Literals.second
    static let idleTimeout = 60 * Literals.second
    static let sendTimeout = 30 * Literals.second
    static let connectTimeout = 2 * Literals.second
    static let responseTimeout = 60 * Literals.second
    static let tunnelTimeout = Literals.hour
    static let drainTimeout = 30 * Literals.second

    static let handshakeTimeout = 10 * Literals.second

    static let tlsGroups = "X25519:P-256:P-384"
    static let tlsTickets = 1
    static let handshakes = 1024

    static let headerSize = 32 << 10
    static let headerCount = 100
    static let targetSize = 8 << 10
    static let bodySize = 10 << 20
    static let connections = 10_000

    static let cacheSize = 64 << 20
    static let cacheObjectSize = 8 << 20
    static let cachePathTimeout = 200 * Literals.millisecond

    static let bufferMemory = 64 << 10
    static let bufferDirectory = "/tmp"

    static let compressMinimum = 1 << 10
    /// What shrinks, by how it is commonly labelled.
    static let compressTypes = [
        "text/*", "+json", "+xml", "+text", "application/json", "application/x-ndjson",
        "application/javascript", "application/x-javascript", "application/ecmascript",
        "application/xml", "application/yaml", "application/x-yaml", "application/toml",
        "application/graphql", "application/wasm",
        "application/x-protobuf", "application/vnd.ms-fontobject", "font/ttf", "font/otf",
        "font/collection", "application/x-font-ttf", "application/rtf", "image/bmp",
        "image/x-icon", "image/vnd.microsoft.icon",
    ]
    static let compressMemory = 64 << 20
    static let compressLag = 25 * Literals.millisecond
    /// Bytes of the largest dictionary: making one of 1 MiB takes 4 ms.
    static let dictionarySize = 1 << 20
    static let dictionarySizes = (1 << 10)...(8 << 20)
    static let dictionaryMemory = 64 << 20
    static let decompressRatio = 100

    static let keepAliveConnections = 64
    static let keepAliveIdle = 60 * Literals.second
    static let attempts = 2
    static let ejection = Ejection(
        fails: 3,
        time: Literals.second,
        maximum: 60 * Literals.second
    )
}

/// What a profile changes among the defaults.
struct ProfileDefaults {
    /// nil: idle connections are not kept.
    let keepAliveIdle: Int64?
    /// After how long the servers close an idle connection themselves, where that is known.
    let serverIdle: Int64?
    let buffersRequests: Bool
    let needsContentLength: Bool

    init(_ profile: Profile) {
        switch profile {
        case .gunicorn:
            // Workers close after 2 s; half a second is left for what is under way. A worker that
            // waits for a slow client serves nobody, and WSGI knows no content without a length.
            self.init(
                keepAliveIdle: 1500 * Literals.millisecond,
                serverIdle: 2 * Literals.second,
                buffersRequests: true,
                needsContentLength: true
            )
        case .uwsgi:
            // Its HTTP socket closes after each response unless it is told otherwise.
            self.init(
                keepAliveIdle: nil,
                serverIdle: nil,
                buffersRequests: true,
                needsContentLength: true
            )
        case .uvicorn, .node:
            self.init(
                keepAliveIdle: 4 * Literals.second,
                serverIdle: 5 * Literals.second,
                buffersRequests: false,
                needsContentLength: false
            )
        case .generic:
            self.init(
                keepAliveIdle: Defaults.keepAliveIdle,
                serverIdle: nil,
                buffersRequests: false,
                needsContentLength: false
            )
        }
    }

    private init(
        keepAliveIdle: Int64?,
        serverIdle: Int64?,
        buffersRequests: Bool,
        needsContentLength: Bool
    ) {
        self.keepAliveIdle = keepAliveIdle
        self.serverIdle = serverIdle
        self.buffersRequests = buffersRequests
        self.needsContentLength = needsContentLength
    }
}

/// Bounds of the numbers in the file.
enum Bounds {
    /// A wait: what is shorter is a slip, what is longer is none.
    static let duration: ClosedRange<Int64> = Literals.millisecond...(365 * Literals.day)
    static let size: ClosedRange<Int> = 1...(1 << 50)
    static let count: ClosedRange<Int> = 1...1_000_000_000
    /// Servers of an upstream: what `Balancing.ServerSet` takes.
    static let servers = 1024
}
