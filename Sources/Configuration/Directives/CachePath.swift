extension Directive {
    static let cachePath = Directive(
        name: "cache_path",
        contexts: [.top],
        arguments: [
            Argument("DIR", .text, "an existing directory, for this gateway alone"),
            Argument("SIZE", .size((16 << 20)...(1 << 44)), "bytes that its files may take"),
        ],
        options: [
            Option(
                "timeout",
                .duration(Literals.millisecond...Literals.minute),
                default: "200ms",
                "how long a request waits for the disk before it is a miss"
            ),
            Option(
                "object_size",
                .size(1...(1 << 40)),
                default: "1g",
                "bytes of content of one response; never more than a quarter of SIZE"
            ),
        ],
        fallback: "what is stored is lost when the gateway ends",
        summary: "Keeps stored responses on a disk as well, where they survive a restart.",
        help: """
            Whatever is stored in memory is also written to a file, in the background; what memory \
            has no room for any more is read from there. Checksums tell what a crash has spoilt: \
            such a file is removed, and the application asked. What is larger than \
            `cache_object_size` stands on the disk only: it is written while it is passed on, and \
            sent from its file. A disk that is full, slow or broken costs hits; it cuts a response \
            short only if it fails in the midst of one that is being sent from its file. \
            Of what is asked for least the files leave first. \
            The index takes some 120 bytes of memory for each file.
            """,
        example: .top(
            """
            cache_path /var/cache/gateway 10g
            site * {
                listen :8080
                cache
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            guard let directory = call.argument(0)?.text, let size = call.argument(1)?.number
            else { return }
            if !directory.hasPrefix("/") {
                call.error(
                    call.argument(0)?.mark,
                    "DIR begins at the root: it must be the same from wherever the gateway starts"
                )
            }
            let most = size / DiskSettings.objectShare
            if let wanted = call.options["object_size"], call.number("object_size") ?? 0 > most {
                call.error(wanted.mark, "'object_size=' is more than a quarter of SIZE")
            }
            let settings = DiskSettings(
                path: directory,
                size: size,
                objectSize: min(call.number("object_size") ?? 1 << 30, most),
                timeout: call.duration("timeout") ?? Defaults.cachePathTimeout
            )
            block.cachePath = Placed(value: settings, mark: call.mark)
        }
    )
}
