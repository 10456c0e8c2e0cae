import Configuration
import EventLoop

/// The disk that stored responses survive a restart on.
extension Gateway {
    /// The disk that a configuration names: the one there is, if it is the same, else taken over.
    static func openDisk(_ configuration: Configuration, previous: DiskTier?, seed: UInt64)
        throws(Failure) -> DiskTier?
    {
        guard let settings = configuration.cache?.disk else { return nil }
        if let previous, previous.files.path == settings.path { return previous }
        do throws(StoredFiles.Failure) {
            let files = try StoredFiles(path: settings.path)
            return try startDisk(files, settings, seed: seed)
        } catch {
            throw .cannotUseCachePath("\(settings.path): \(error)")
        }
    }

    private static func startDisk(_ files: StoredFiles, _ settings: DiskSettings, seed: UInt64)
        throws(StoredFiles.Failure) -> DiskTier
    {
        do throws(SystemError) {
            let tier = try DiskTier(
                files,
                budget: settings.size,
                objectLimit: settings.objectSize,
                patience: settings.timeout,
                // Another multiple than those that other secrets are made by.
                seed: seed &* 0xD6E8_FEB8_6659_FD93 ^ UInt64(SystemClock.unixSeconds()),
                clock: { SystemClock.monotonicNanoseconds() }
            )
            do throws(SystemError) {
                try tier.start()
            } catch {
                // Those threads that there are hold the directory.
                tier.close()
                throw error
            }
            return tier
        } catch {
            throw .cannotWrite(error)
        }
    }

    /// Takes over what a reload says of a disk that stays, and lets go of one that does not.
    static func adoptDisk(_ configuration: Configuration, _ disk: DiskTier?, previous: DiskTier?) {
        if let disk, let settings = configuration.cache?.disk {
            disk.adopt(
                budget: settings.size,
                objectLimit: settings.objectSize,
                patience: settings.timeout
            )
        }
        if let previous, previous !== disk { previous.retire() }
    }
}
