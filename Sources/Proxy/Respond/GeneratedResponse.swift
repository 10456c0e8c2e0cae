import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Responses that the gateway makes itself.
extension Exchange {
    /// Answers with what the configuration fixes.
    mutating func respond(with fixed: FixedResponse) async throws(Failure) {
        try await send(
            status: fixed.status,
            contentType: fixed.contentType.map { Array($0.utf8) } ?? [],
            body: fixed.body
        )
    }

    /// Answers with another address.
    mutating func redirect(_ redirection: Redirection) async throws(Failure) {
        let target = context.reactor.buffers.take()
        expand(redirection.target, to: target)
        let location = target.readable.bytes()
        context.reactor.buffers.give(target)
        try await send(status: redirection.status, contentType: [], body: [], location: location)
    }

    /// Answers with a failure, as far as the client can still be told.
    mutating func answer(_ failure: Failure) async {
        failureName = failure.reason.name
        count(failure)
        releaseUpload()
        if failure.closesConnection { keepsConnection = false }
        guard case .nothingSent = progress, failure.status != 0 else {
            keepsConnection = false
            end = failure.status == 0 ? .clientClosed : .truncated
            return
        }
        let scratch = context.reactor.buffers.take()
        let page = ErrorPage.make(
            failure,
            policy: route?.route.policy ?? unrouted?.policy ?? snapshot.configuration.policy,
            prefersHTML: prefersHTML,
            requestID: requestID,
            scratch: scratch
        )
        context.reactor.buffers.give(scratch)
        do throws(Failure) {
            try await send(
                status: failure.status,
                contentType: page.contentType,
                body: page.body,
                failure: failure
            )
        } catch {
            keepsConnection = false
        }
    }

    /// Answers what is no valid request, which has no exchange of its own.
    mutating func reject(_ failure: Failure) async {
        begin()
        // No field says who the client is: that of the request before may have been another one.
        client = snapshot.topRule.start(peer: connection.peer, header: connection.proxyHeader)
        makeRequestID()
        await answer(failure)
        finishConnection()
        record()
    }

    /// Writes and sends a whole response.
    mutating func send(
        status: Int,
        contentType: [UInt8],
        body: [UInt8],
        location: [UInt8]? = nil,
        failure: Failure? = nil
    ) async throws(Failure) {
        if output == nil { output = context.reactor.buffers.take() }
        guard let output else { return }
        output.removeAll()
        self.status = status
        if context.isDraining { keepsConnection = false }
        settleRequestBody()
        let coded = codeGenerated(status: status, contentType: contentType, body: body)
        defer { if let content = coded.content { context.reactor.buffers.give(content) } }
        output.writeStatusLine(status)
        context.writeDate(to: output)
        let forbidsContent = Status.forbidsContent(status)
        if !forbidsContent {
            if !contentType.isEmpty { output.writeField("Content-Type", value: contentType.span) }
            output.writeField("Content-Length", decimal: coded.content?.count ?? body.count)
            if let coding = coded.coding {
                output.writeField("Content-Encoding", value: coding.name)
            }
            if coded.varies { output.append("Vary: Accept-Encoding\r\n") }
        }
        if let location { output.writeField("Location", value: location.span) }
        output.append("X-Request-ID: ")
        requestID.write(to: output)
        output.append("\r\n")
        if let failure { writeFailureFields(failure, to: output) }
        if limits != nil { writeLimitFields(to: output) }
        if let https = route?.https { https.write(isSecure: isSecure, to: output) }
        if let rules = route?.route.policy.responseHeaders, !rules.isEmpty {
            apply(rules, to: output, from: 0)
        }
        writePersistence(to: output)
        output.writeEndOfHead()
        headBytes = bytesSent + output.count
        if !forbidsContent && request.method != .head {
            if let content = coded.content {
                output.append(content.readable)
            } else {
                output.append(body)
            }
        }
        progress = .headSent(endsWithConnection: false)
        try await deliver(output)
        progress = .complete
    }

    private mutating func writeFailureFields(_ failure: Failure, to output: Buffer) {
        output.append("Cache-Control: no-store\r\n")
        if let seconds = failure.retryAfter, failure.tellsWhenToRetry {
            output.writeField("Retry-After", decimal: seconds)
        }
        if !failure.allowed.isEmpty {
            output.append("Allow: ")
            output.append(Array(failure.allowed.names.joined(separator: ", ").utf8))
            output.append("\r\n")
        }
        if case .upstream(let reason) = failure.reason {
            output.append("Proxy-Status: gateway; error=")
            output.append(reason.proxyStatusError)
            output.append("\r\n")
        }
    }

    /// Decides what becomes of content that nobody has read: a little of it is dropped, more is not
    /// waited for.
    private mutating func settleRequestBody() {
        if requestBody.isComplete { return }
        if case .inInput = content { return }
        if let input = connection.input, !request.expectContinue {
            let scratch = context.reactor.buffers.take()
            defer { context.reactor.buffers.give(scratch) }
            do throws(RejectReason) {
                try requestBody.move(from: input, to: scratch, limits: snapshot.limits)
            } catch {
                keepsConnection = false
                return
            }
        }
        if !requestBody.isComplete { keepsConnection = false }
    }

    /// The request id as text; not for the path of a request.
    var requestIDText: String {
        let text = Buffer()
        requestID.write(to: text)
        return text.readable.string()
    }

    /// Whether the client would rather read a page than a problem document.
    var prefersHTML: Bool {
        guard request.fields.contains(.accept) else { return false }
        return MediaNegotiation.preferred(of: Exchange.pages, accepting: request.fields) == 1
    }

    private static let pages: [StaticString] = ["application/problem+json", "text/html"]

    private mutating func count(_ failure: Failure) {
        switch failure.reason {
        case .rejected(let reason):
            context.metrics.count(
                .requestsRejected,
                reason: RejectReason.allCases.firstIndex(of: reason) ?? 0
            )
        case .refused(let refusal):
            context.metrics.count(.requestsRejected, reason: refusal.metricIndex)
        case .upstream, .clientGone: break
        }
    }
}
