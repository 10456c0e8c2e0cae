import CLinux

/// What the system gives this process.
public enum ProcessResources {
    /// The processors that this process may run on: a container's share, not the machine's.
    public static var processorCount: Int { max(1, Int(gateway_processor_count())) }

    /// Raises the limit on descriptors as far as it is allowed: a proxied connection takes two, and
    /// the default of most systems is far too low.
    public static func raiseDescriptorLimit() { _ = gateway_raise_descriptor_limit() }

    /// Lets go of code and constants that only the start needed, such as the linking of libraries
    /// of which most is never used; what is used again comes back from the page cache.
    public static func releaseStartupPages() { gateway_release_startup_pages() }
}
