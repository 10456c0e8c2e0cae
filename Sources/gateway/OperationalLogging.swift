import Configuration
import Glibc
import Logging
import Telemetry

/// The operational log of the process: what an operator reads on standard error.
enum OperationalLogging {
    /// Sends all loggers to standard error, as configured.
    static func start(_ log: OperationalLog) {
        let level = Logger.Level(rawValue: log.level.rawValue) ?? .info
        let format: OperationalLogFormat = log.format == .json ? .json : .text
        let isJournal = OperationalLogHandler.isJournal(STDERR_FILENO)
        LoggingSystem.bootstrap { _ in
            OperationalLogHandler(
                output: .descriptor(STDERR_FILENO),
                format: format,
                level: level,
                hasPriority: isJournal
            )
        }
    }

}

/// Writes to standard error, for what comes before there is a log.
func printError(_ text: String) {
    if text.isEmpty { return }
    var bytes = Array(text.utf8)
    if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
    // The array's own bytes; a terminal that is gone cannot be told anything.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
