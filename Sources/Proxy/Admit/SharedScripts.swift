/// What runs inside Redis: the same rules as `Limiting`'s, by Redis' own clock, in microseconds.
enum SharedScripts {
    /// Takes from several limits at once, or, if one of them refuses, from none.
    ///
    /// For each key six arguments: algorithm, count, period, burst, cost, and `e` to enforce, `o`
    /// to observe, or `p` to take what is left when it is less. Answers with an array for each:
    /// units taken or -1, what is left, and microseconds until all is back and until it would do.
    static let take = """
        local t = redis.call('TIME')
        local now = t[1] * 1000000 + t[2]
        local out, changes, refused = {}, {}, false
        for i, key in ipairs(KEYS) do
          local a = (i - 1) * 6
          local alg, count, period = ARGV[a+1], tonumber(ARGV[a+2]), tonumber(ARGV[a+3])
          local burst, cost, mode = tonumber(ARGV[a+4]), tonumber(ARGV[a+5]), ARGV[a+6]
          local room, reset, retry = 0, 0, 0
          if alg == 't' then
            local step = period / count
            local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
            room = math.max(0, math.floor((now - tat) / step + burst + 0.000001))
            if mode == 'p' and cost > room and room > 0 then cost = room end
            if cost <= room then
              tat = tat + cost * step
              changes[#changes+1] = function()
                redis.call('SET', key, string.format('%.3f', tat),
                  'PX', math.ceil((tat - now) / 1000) + 1)
              end
            else
              retry = math.max(1, math.ceil(tat + (cost - burst) * step - now))
            end
            reset = math.ceil(tat - now)
          elseif alg == 'l' then
            redis.call('ZREMRANGEBYSCORE', key, '-inf', now - period)
            local n = redis.call('ZCARD', key)
            room = math.max(0, count - n)
            if mode == 'p' and cost > room and room > 0 then cost = room end
            if cost <= room then
              changes[#changes+1] = function()
                for j = 1, cost do redis.call('ZADD', key, now, now .. ':' .. n .. ':' .. j) end
                redis.call('PEXPIRE', key, math.ceil(period / 1000) + 1)
              end
              reset = period
            else
              local first = math.min(cost, count) - room - 1
              local e = redis.call('ZRANGE', key, first, first, 'WITHSCORES')
              retry = math.max(1, (tonumber(e[2] or now) or now) + period - now)
              local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
              reset = math.max(0, (tonumber(last[2] or now) or now) + period - now)
            end
          else
            local start = now - now % period
            local elapsed = now - start
            local v = redis.call('HMGET', key, 's', 'c', 'p')
            local s, c, p = tonumber(v[1] or '-1'), tonumber(v[2] or '0'), tonumber(v[3] or '0')
            if s ~= start then
              if s == start - period then p = c else p = 0 end
              c = 0
            end
            if alg == 'f' then p = 0 end
            room = math.max(0, count - c - math.ceil(p * (period - elapsed) / period))
            if mode == 'p' and cost > room and room > 0 then cost = room end
            if cost <= room then
              c = c + cost
              changes[#changes+1] = function()
                redis.call('HSET', key, 's', string.format('%.0f', start), 'c', c, 'p', p)
                redis.call('PEXPIRE', key, math.ceil((2 * period - elapsed) / 1000) + 1)
              end
            else
              local free = count - c - math.min(cost, count)
              if alg == 'f' then
                retry = period - elapsed
              elseif free >= 0 then
                retry = math.max(1, period - math.floor(free * period / p) - elapsed)
              else
                local most = math.floor((count - math.min(cost, count)) * period / c)
                retry = period - elapsed + math.max(0, period - most)
              end
            end
            if alg == 'f' then
              if c > 0 then reset = period - elapsed end
            elseif c > 0 then
              reset = 2 * period - elapsed
            elseif p > 0 then
              reset = period - elapsed
            end
          end
          if cost <= room then
            out[i] = {cost, room - cost, reset, 0}
          else
            out[i] = {-1, room, reset, retry}
            if mode ~= 'o' then refused = true end
          end
        end
        if not refused then
          for _, change in ipairs(changes) do change() end
        end
        return out
        """

    /// Changes what one key has used: more is owed, or some is given back.
    ///
    /// Arguments: algorithm, count, period, burst, units.
    static let adjust = """
        local t = redis.call('TIME')
        local now = t[1] * 1000000 + t[2]
        local key, alg, count, period = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
        local units = tonumber(ARGV[5])
        if alg == 't' then
          local tat = tonumber(redis.call('GET', key) or '0')
          if units > 0 then tat = math.max(tat, now) end
          tat = tat + units * period / count
          if tat <= now then
            redis.call('DEL', key)
          else
            redis.call('SET', key, string.format('%.3f', tat),
              'PX', math.ceil((tat - now) / 1000) + 1)
          end
        elseif alg == 'l' then
          if units < 0 then
            redis.call('ZREMRANGEBYRANK', key, units, -1)
          else
            local n = redis.call('ZCARD', key)
            for j = 1, math.min(units, 256) do
              redis.call('ZADD', key, now, now .. ':a' .. n .. ':' .. j)
            end
            redis.call('PEXPIRE', key, math.ceil(period / 1000) + 1)
          end
        else
          local start = now - now % period
          local v = redis.call('HMGET', key, 's', 'c', 'p')
          local s, c, p = tonumber(v[1] or '-1'), tonumber(v[2] or '0'), tonumber(v[3] or '0')
          if s ~= start then
            if units < 0 then return 0 end
            if s == start - period then p = c else p = 0 end
            c = 0
          end
          c = math.max(0, c + units)
          redis.call('HSET', key, 's', string.format('%.0f', start), 'c', c, 'p', p)
          redis.call('PEXPIRE', key, math.ceil((2 * period - (now - start)) / 1000) + 1)
        end
        return 0
        """
}
