import Caching

/// What runs inside Redis for the stored responses that gateways share.
///
/// A key of the cache is a hash: `-` or `v…` hold a response each, the same with a `p` behind it a
/// part of one, `n` the lists of fields that they vary by, `x` when the key was invalidated last.
/// Beside them stand the hash `meta` (`e`, a random name of this log; `p`, the last purge) and two
/// streams: `log`, the purges, and `changes`, the invalidated keys. All times are milliseconds of
/// Redis' clock, so that those of the gateways need not agree.
enum SharedCacheScripts {
    /// Reads fields of a key.
    ///
    /// Keys: the key, `meta`. Arguments: the fields. Answers: the time, `e`, `p`, `n`, the fields.
    static let read = """
        local t = redis.call('TIME')
        local m = redis.call('HMGET', KEYS[2], 'e', 'p')
        local v = redis.call('HMGET', KEYS[1], 'n', unpack(ARGV))
        return {t[1] * 1000 + math.floor(t[2] / 1000), m[1], m[2], unpack(v)}
        """

    /// Stores a response, unless its key was invalidated after it was asked for.
    ///
    /// Keys: the key, `meta`. Arguments: the field, the response, milliseconds since it came and
    /// since it was asked for, milliseconds that it is of use, what it varies by, a random name,
    /// the field of the part whose place it takes.
    static let store = """
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local x = redis.call('HGET', KEYS[1], 'x')
        if x and tonumber(x) >= now - tonumber(ARGV[4]) then return 0 end
        local e = redis.call('HGET', KEYS[2], 'e')
        if not e then
          e = ARGV[7]
          redis.call('HSET', KEYS[2], 'e', e)
        end
        if redis.call('HLEN', KEYS[1]) > 32 and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
          redis.call('DEL', KEYS[1])
          if x then redis.call('HSET', KEYS[1], 'x', x) end
        end
        redis.call('HSET', KEYS[1], ARGV[1],
          string.format('%.0f;%.0f;', now - tonumber(ARGV[3]), now - tonumber(ARGV[4]))
          .. e .. ';' .. ARGV[2])
        if ARGV[8] ~= '' then redis.call('HDEL', KEYS[1], ARGV[8]) end
        if ARGV[6] ~= '' then
          local all, count = ARGV[6], 1
          for line in string.gmatch(redis.call('HGET', KEYS[1], 'n') or '', '[^\\n]+') do
            if line ~= ARGV[6] and count < 4 then
              all = all .. '\\n' .. line
              count = count + 1
            end
          end
          redis.call('HSET', KEYS[1], 'n', all)
        end
        if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then
          redis.call('PEXPIRE', KEYS[1], ARGV[5])
        end
        return 1
        """

    /// Puts a response with one more form in the place of the same without it; whoever has stored
    /// that, and whenever.
    ///
    /// Keys: the key. Arguments: the field, the response.
    static let amend = """
        local v = redis.call('HGET', KEYS[1], ARGV[1])
        if not v then return 0 end
        local first, last = string.find(v, '^%d+;%d+;[^;]*;')
        if not last then return 0 end
        if string.sub(v, last + \(from), last + \(upTo)) ~= string.sub(ARGV[2], \(from), \(upTo)) then
          return 0
        end
        redis.call('HSET', KEYS[1], ARGV[1], string.sub(v, 1, last) .. ARGV[2])
        return 1
        """

    /// Where the bytes stand that tell two responses apart, as Lua counts.
    private static let from = StoredRecord.identity.lowerBound + 1
    private static let upTo = StoredRecord.identity.upperBound

    /// Removes a key and tells all gateways; what was asked for before is not stored any more.
    ///
    /// Keys: the key, `changes`. Arguments: the key as it is told, milliseconds to remember it,
    /// entries of the stream at most, who tells it.
    static let invalidate = """
        local t = redis.call('TIME')
        redis.call('DEL', KEYS[1])
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        redis.call('HSET', KEYS[1], 'x', string.format('%.0f', now))
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[3], '*', 'k', ARGV[1], 'b', ARGV[4])
        """

    /// Adds a purge to the log.
    ///
    /// Keys: `meta`, `log`. Arguments: kind, value, origin, whether it is soft, who tells it,
    /// entries of the stream at most, a random name.
    static let purge = """
        redis.call('HSETNX', KEYS[1], 'e', ARGV[7])
        local id = redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[6], '*',
          'k', ARGV[1], 'v', ARGV[2], 'o', ARGV[3], 's', ARGV[4], 'b', ARGV[5])
        redis.call('HSET', KEYS[1], 'p', id)
        return id
        """

    static let all = [read, store, invalidate, purge, amend]
}
