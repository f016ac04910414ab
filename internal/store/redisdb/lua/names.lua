-- What every script begins with. See doc.go for the keys.

-- The tag of all keys of this run, braces included, '' on a single server, and
-- the names of keys, as in keys.go.
local tag = KEYS[1] and string.match(KEYS[1], '{.-}') or ''
local function session_key(id) return 's:' .. tag .. id end
local function stone_key(id) return 'x:' .. tag .. id end
local function index_key(user)
  if #user == 16 then user = string.sub(user, 1, 13) end
  return 'u' .. tag .. user
end
local function epoch_key(user) return 'e:' .. tag .. user end
local function one_key(name) return name .. tag end

