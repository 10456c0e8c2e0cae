import Glibc
public import Logging

/// Where the operational log goes.
public enum OperationalLogOutput: Sendable {
    /// Through the writer's queue, never blocking: for the time that requests are served.
    case writer(LogWriter, LogDestination)
    /// At once, blocking if need be: for the start, for `gateway check`, for the last words.
    case descriptor(Int32)
}

/// Writes swift-log's events as lines of text or JSON.
public struct OperationalLogHandler: LogHandler {
    /// The least level that is logged.
    public var logLevel: Logger.Level
    /// What each line carries.
    public var metadata: Logger.Metadata = [:]
    /// What adds to each line.
    public var metadataProvider: Logger.MetadataProvider?

    private let output: OperationalLogOutput
    private let format: OperationalLogFormat
    private let hasPriority: Bool
    private let now: @Sendable () -> Int64

    /// Makes a handler for `LoggingSystem.bootstrap` or `Logger(label:factory:)`.
    ///
    /// - Parameters:
    ///   - output: Where lines go.
    ///   - format: The form of the lines.
    ///   - level: The least level that is logged.
    ///   - hasPriority: Whether lines begin with journald's `<4>`; see `isJournal(_:)`.
    public init(
        output: OperationalLogOutput,
        format: OperationalLogFormat = .text,
        level: Logger.Level = .info,
        hasPriority: Bool = false
    ) {
        self.init(
            output: output,
            format: format,
            level: level,
            hasPriority: hasPriority,
            now: wallClockMilliseconds
        )
    }

    init(
        output: OperationalLogOutput,
        format: OperationalLogFormat,
        level: Logger.Level,
        hasPriority: Bool,
        now: @escaping @Sendable () -> Int64
    ) {
        self.output = output
        self.format = format
        self.logLevel = level
        self.hasPriority = hasPriority
        self.now = now
    }

    /// What one key adds to each line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one event as one line.
    public func log(event: LogEvent) {
        var merged = metadata
        // The call site knows best, then the provider, then the handler.
        if let provided = metadataProvider?.get() {
            merged.merge(provided) { $1 }
        }
        if let own = event.metadata {
            merged.merge(own) { $1 }
        }
        if let error = event.error, merged["error"] == nil {
            merged["error"] = "\(error)"
        }
        let line = OperationalLogLine(
            unixMilliseconds: now(),
            level: event.level,
            message: event.message.description,
            metadata: merged.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        )
        write(line.render(format, hasPriority: hasPriority))
    }

    private func write(_ line: [UInt8]) {
        switch output {
        case .writer(let writer, let destination): writer.submit(line, count: 1, to: destination)
        case .descriptor(let descriptor):
            // One write, so that lines of several processes stay whole; a failure has no place
            // where it could be told.
            while unsafe Glibc.write(descriptor, line, line.count) < 0 && errno == EINTR {}
        }
    }

    /// Whether a descriptor leads to journald, which then takes the `<4>` for the level.
    ///
    /// systemd names the device and inode of the stream it gave the process: when standard error
    /// has been redirected since, the variable is there but does not match.
    /// Source: systemd.exec(5), $JOURNAL_STREAM.
    ///
    /// - Parameter descriptor: The descriptor that lines are written to.
    /// - Returns: Whether lines should have a priority.
    public static func isJournal(_ descriptor: Int32) -> Bool {
        guard let value = unsafe getenv("JOURNAL_STREAM") else { return false }
        let variable = unsafe String(cString: value)
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { return false }
        return variable == "\(info.st_dev):\(info.st_ino)"
    }
}

/// Milliseconds since 1970.
@Sendable func wallClockMilliseconds() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
