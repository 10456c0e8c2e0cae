import CLinux

/// What the system gives this process.
public enum ProcessResources {
    /// The processors that this process may run on: a container's share, not the machine's.
    public static var processorCount: Int { max(1, Int(gateway_processor_count())) }

    /// Raises the limit on descriptors as far as it is allowed: a proxied connection takes two, and
    /// the default of most systems is far too low.
    public static func raiseDescriptorLimit() { _ = gateway_raise_descriptor_limit() }

    /// Lets the kernel take back the code that only starting needed: of the megabytes that reading
    /// a configuration touches, serving uses a part, and that part comes back page by page.
    public static func releaseStartupCode() { gateway_release_code() }
}
