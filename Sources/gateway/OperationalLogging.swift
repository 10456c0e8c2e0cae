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
