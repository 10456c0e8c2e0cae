import Addressing
import Configuration
import Glibc
import Resolving

/// What only the system can tell about a configuration: names, sockets, folders.
///
/// All of it may be different by the time the gateway runs, so little of it is an error.
enum SystemCheck {
    /// Nanoseconds to wait for one name: a person waits for the answer.
    static let nameTimeout: Int64 = 2_000_000_000
    /// Names asked for at most, so that a check ends in the time of `nameTimeout` times this.
    static let maximumNames = 16

    /// Everything that is not as the configuration needs it, as sentences.
    static func findings(_ configuration: Configuration) -> [String] {
        names(configuration) + sockets(configuration) + logs(configuration)
            + folders(configuration)
    }

    /// What `gateway run` refuses to start for, as it would now.
    static func errors(_ configuration: Configuration) -> [String] { cachePath(configuration) }

    // MARK: Names

    /// Names of servers that do not resolve.
    private static func names(_ configuration: Configuration) -> [String] {
        var asked: Set<String> = []
        var findings: [String] = []
        var unasked = 0
        for upstream in configuration.upstreams {
            for server in upstream.servers {
                guard case .name(let host, _) = server.endpoint, asked.insert(host).inserted
                else { continue }
                guard asked.count <= maximumNames else {
                    unasked += 1
                    continue
                }
                do throws(ResolutionError) {
                    _ = try Resolver.resolveOnce(host, timeout: nameTimeout)
                } catch {
                    findings.append(
                        "upstream \(upstream.name): '\(host)' cannot be resolved: \(error); "
                            + "requests get 503 until it can"
                    )
                }
            }
        }
        if unasked > 0 {
            findings.append("\(unasked) further host names were not resolved: too many to wait for")
        }
        return findings
    }

    // MARK: Sockets

    /// Unix sockets that are not there.
    private static func sockets(_ configuration: Configuration) -> [String] {
        var findings: [String] = []
        for upstream in configuration.upstreams {
            for server in upstream.servers {
                guard case .address(.unix(let path)) = server.endpoint, path.hasPrefix("/"),
                    let problem = socketProblem(path)
                else { continue }
                findings.append("upstream \(upstream.name): \(problem)")
            }
        }
        for listener in configuration.listeners {
            guard case .unix(let path) = listener.address, path.hasPrefix("/") else { continue }
            if let problem = folderProblem(folder(of: path)) {
                findings.append("listen \(listener.address): \(problem)")
            }
        }
        return findings
    }

    private static func socketProblem(_ path: String) -> String? {
        let kind: mode_t
        switch fileKind(path) {
        case .success(let found): kind = found
        case .failure(let failure):
            return "'\(path)': \(failure); requests fail until it is there"
        }
        guard kind == S_IFSOCK else { return "'\(path)' is no socket" }
        // Connecting needs the right to write. Source: unix(7).
        if unsafe access(path, W_OK) != 0 { return "'\(path)': \(errorWords(errno))" }
        return nil
    }

    // MARK: Files

    /// Access logs that cannot be written.
    private static func logs(_ configuration: Configuration) -> [String] {
        configuration.accessLogs.compactMap { log in
            guard case .file(let path) = log.destination, let problem = logProblem(path)
            else { return nil }
            return "access_log \(path): \(problem)"
        }
    }

    static func logProblem(_ path: String) -> String? {
        guard case .success(let kind) = fileKind(path) else {
            return folderProblem(folder(of: path))
        }
        if kind == S_IFDIR { return errorWords(EISDIR) }
        return unsafe access(path, W_OK) == 0 ? nil : errorWords(errno)
    }

    /// Folders that content is to be spilled into.
    private static func folders(_ configuration: Configuration) -> [String] {
        var seen: Set<String> = []
        var findings: [String] = []
        for route in configuration.sites.flatMap(\.routes) {
            let buffering = route.policy.buffering
            guard case .proxy = route.action, buffering.isOn,
                seen.insert(buffering.directory).inserted,
                let problem = folderProblem(buffering.directory)
            else { continue }
            findings.append("buffer: \(problem)")
        }
        return findings
    }

    /// The directory of stored responses.
    private static func cachePath(_ configuration: Configuration) -> [String] {
        guard let path = configuration.cache?.disk?.path, let problem = folderProblem(path)
        else { return [] }
        return ["cache_path: \(problem): the gateway does not start without it"]
    }

    private static func folderProblem(_ path: String) -> String? {
        switch fileKind(path) {
        case .success(let kind):
            guard kind == S_IFDIR else { return "'\(path)' is no folder" }
            return unsafe access(path, W_OK | X_OK) == 0 ? nil : "'\(path)': \(errorWords(errno))"
        case .failure(let failure): return "'\(path)': \(failure)"
        }
    }

    /// Why a folder that the gateway makes when it starts cannot be made, or written to.
    static func makingProblem(_ folder: String) -> String? {
        var path = folder
        while true {
            switch fileKind(path) {
            case .success(let kind):
                guard kind == S_IFDIR else { return "'\(path)' is no folder" }
                return trialProblem(path)
            case .failure(let failure):
                guard failure.number == ENOENT, path != "/", path != "." else {
                    return "'\(path)': \(failure)"
                }
                path = self.folder(of: path)
            }
        }
    }

    /// Why nothing can be made in a folder: some file systems, such as /proc, allow it and refuse.
    private static func trialProblem(_ folder: String) -> String? {
        if unsafe access(folder, W_OK | X_OK) != 0 { return "'\(folder)': \(errorWords(errno))" }
        let trial = "\(folder)/.gateway-check-\(getpid())"
        guard unsafe mkdir(trial, 0o700) == 0 else { return "'\(folder)': \(errorWords(errno))" }
        _ = unsafe rmdir(trial)
        return nil
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Why a path could not be looked at.
private struct PathFailure: Error, CustomStringConvertible {
    let number: Int32
    var description: String { errorWords(number) }
}

/// The kind of file at a path, links followed: `S_IFSOCK` and the like.
private func fileKind(_ path: String) -> Result<mode_t, PathFailure> {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .failure(PathFailure(number: errno)) }
    return .success(status.st_mode & S_IFMT)
}
