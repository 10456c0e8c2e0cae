import Glibc

/// What the system says about this process.
public struct ProcessFigures: Sendable, Equatable {
    /// Resident memory in bytes.
    public var residentBytes: UInt64 = 0
    /// Virtual memory in bytes.
    public var virtualBytes: UInt64 = 0
    /// Open file descriptors.
    public var openDescriptors: UInt64 = 0
    /// The soft limit on file descriptors.
    public var maximumDescriptors: UInt64 = 0
    /// CPU time spent, user and system, in microseconds.
    public var cpuMicroseconds: UInt64 = 0
    /// When the process started, in milliseconds since 1970.
    public var startUnixMilliseconds: Int64 = 0

    /// All zero.
    public init() {}

    /// Asks the system.
    ///
    /// Reads a few files of /proc: for a scrape, not for the path of a request. What cannot be read
    /// stays 0.
    public static func current() -> ProcessFigures {
        var figures = ProcessFigures()
        let page = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        let memory = numbers(in: contents(of: "/proc/self/statm"))
        if memory.count > 1 {
            figures.virtualBytes = memory[0] &* page
            figures.residentBytes = memory[1] &* page
        }
        figures.openDescriptors = countDescriptors()
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.maximumDescriptors = UInt64(limit.rlim_cur)
        }
        var usage = rusage()
        if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            figures.cpuMicroseconds = microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
        }
        figures.startUnixMilliseconds = startTime()
        return figures
    }

    private static func microseconds(_ time: timeval) -> UInt64 {
        UInt64(max(0, Int(time.tv_sec) * 1_000_000 + Int(time.tv_usec)))
    }

    /// The start of the process: the boot time plus the ticks that /proc/self/stat counts from it.
    private static func startTime() -> Int64 {
        let text = contents(of: "/proc/self/stat")
        // The second field is the program's name in parentheses and may hold anything.
        guard let name = text.lastIndex(of: UInt8(ascii: ")")) else { return 0 }
        let fields = text[(name + 1)...].split(separator: UInt8(ascii: " "))
        // Field 22 of proc(5); the two before the list are gone.
        guard fields.count > 19, let ticks = number(fields[19]) else { return 0 }
        let rate = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let marker = Array("\nbtime ".utf8)
        let stat = contents(of: "/proc/stat")
        guard
            let start = stat.indices.first(where: { stat[$0...].starts(with: marker) }),
            let boot = number(stat[(start + marker.count)...].prefix { $0 != 10 })
        else { return 0 }
        return Int64(clamping: boot &* 1000 &+ ticks &* 1000 / rate)
    }

    private static func numbers(in text: [UInt8]) -> [UInt64] {
        text.split { $0 == 32 || $0 == 10 }.compactMap { number($0) }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// The start of a file, up to a limit that the files read here stay below.
    private static func contents(of path: String) -> [UInt8] {
        let limit = 1 << 20
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { _ = close(descriptor) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while text.count < limit {
            let count = unsafe read(descriptor, &piece, piece.count)
            if count <= 0 { break }
            text += piece[..<count]
        }
        return text
    }

    /// Entries of /proc/self/fd, without the one for looking.
    private static func countDescriptors() -> UInt64 {
        guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { _ = unsafe closedir(folder) }
        var count: UInt64 = 0
        while let entry = unsafe readdir(folder) {
            // Names that start with a dot are `.` and `..`.
            if unsafe entry.pointee.d_name.0 != 46 { count += 1 }
        }
        return count > 0 ? count - 1 : 0
    }
}
