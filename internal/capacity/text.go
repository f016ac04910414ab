package capacity

// Language is one that there is a README in.
type Language string

// The languages.
const (
	English Language = "en"
	Korean  Language = "ko"
)

// text is what the section says, with verbs for figures.
type text struct {
	heading, intro, rates string
	costs, cost           []string
	weights               string
	live                  string
	sizes                 []string // as Sizes
	needs                 []string
	nodes                 string
	single, cluster       string
	beyond                string
	smallest              string
	breaks                []string
	resource, then        map[Resource]string
	million               string
	minutes, seconds      string
}

var texts = map[Language]text{
	English: {
		heading: "### Capacity",
		intro: "prints this section, computed from figures that were measured on %s (commit %s, %s, load average %s, %s sessions in Redis). " +
			"`make capacity CAPACITY='-every 10s -cores 16'` computes with other rates and machines; `make capacityfigures` measures anew.",
		rates: "Assumed of each live session: a request per %s at the peak; log-ins per day: %s, at the peak %s times the mean of the day; %s of sessions are ended by somebody, the others expire; one in use is touched every %s. " +
			"Headroom: CPUs, networks and the ledger are planned to be %s busy at the peak; Redis has %s times the memory of its data, for what changes while its file is written anew, and a tenth more for what has expired and is still there; every master has %d replicas of the same size; PostgreSQL keeps a commit within %s. One node is to spare.",
		costs: []string{"Measured, each", "CPU of the node", "CPU of Redis", "bytes between them", "bytes to each replica and to the file"},
		cost:  []string{"check: a request that shows no page", "touch, besides", "log-in", "end, besides"},
		weights: "A session takes %s bytes of Redis, index and all, and one that has ended %s until its deadline; an entry of the ledger takes %s bytes of PostgreSQL, an event of the audit log %s. " +
			"Ends go into the ledger one after the other, %s each without fsync.",
		live:  "Live sessions",
		sizes: []string{"10 thousand", "1 million", "100 million"},
		needs: []string{"checks, touches per second", "log-ins, ends per second", "nodes of %d cores (busy cores)", "Redis masters (busy cores)",
			"GB of memory of each master", "Mbit/s of each master, of each node to Redis", "commits of PostgreSQL per second",
			"GB of ledger and audit log", "connections to each master, to PostgreSQL, at most (they allow 10,000 and 100 unless told otherwise)"},
		nodes: "%s (%s)", single: "1 (%s)", cluster: "%s, a cluster (%s)",
		beyond: "**One ledger is not enough for the last column**: it would be busy for %s of the time with the ends of %s sessions. What to do is below.",
		smallest: "Growing from two nodes of %d cores, of which one is to spare, one Redis with %s GB of memory and %s Mbit/s, and one PostgreSQL with %s GB for ledger and audit log, " +
			"this is full first:",
		breaks: []string{"What", "full at live sessions", "what to do then"},
		resource: map[Resource]string{
			NodeCPU: "CPU of the nodes", Hashing: "hashing of passwords at log-in", RedisCPU: "CPU of Redis", RedisMemory: "memory of Redis",
			RedisNetwork: "network of Redis", LedgerTurns: "turns at the ledger", SQLDisk: "disk of PostgreSQL",
		},
		then: map[Resource]string{
			NodeCPU: "More nodes. They need nothing of each other.",
			Hashing: "More nodes, or nodes with more cores up to 8: a node hashes one password per two cores and at most 4 at once, so that checks do not wait. " +
				"Until then log-ins wait, then get 503; checks go on.",
			RedisCPU:     "A Redis Cluster: the sessions of one user stay together, those of different users spread over the masters.",
			RedisMemory:  "More memory, or a Redis Cluster. Shorter deadlines make fewer sessions.",
			RedisNetwork: "A Redis Cluster, or a faster network. Every node hears of every end, so that this part grows with nodes, not with masters.",
			LedgerTurns: "A disk that keeps a commit sooner. After that, users spread over several installations, each with a name and a database of its own. " +
				"What expires by itself is not in the ledger, and ends of many sessions at once share a commit.",
			SQLDisk: "A shorter `GATEHOUSE_AUDIT_KEPT`, or a larger disk.",
		},
		million: "million", minutes: "%d min", seconds: "%s s",
	},
	Korean: {
		heading: "### 용량",
		intro: "위 명령은 %s에서 측정한 값(커밋 %s, %s, 부하 평균 %s, Redis의 세션 %s개)으로 계산한 이 절을 출력합니다. " +
			"`make capacity CAPACITY='-every 10s -cores 16'`은 다른 조건과 기계로 계산하고, `make capacityfigures`는 다시 측정합니다.",
		rates: "살아 있는 세션마다 다음을 가정합니다. 가장 붐빌 때 %s에 한 번 요청합니다. 로그인은 하루 %s번이고, 가장 붐빌 때는 하루 평균의 %s배입니다. 세션의 %s는 누군가가 끝내고 나머지는 만료됩니다. 사용 중인 세션의 유휴 기한은 %s마다 갱신됩니다. " +
			"여유: CPU, 네트워크, 원장은 가장 붐빌 때 %s만 쓰도록 잡습니다. Redis에는 파일을 새로 쓰는 동안 바뀌는 것을 위해 데이터의 %s배 메모리를 두고, 만료되었지만 아직 남아 있는 것을 위해 10분의 1을 더합니다. 마스터마다 같은 크기의 복제본이 %d개 있고, PostgreSQL은 커밋을 %s 안에 디스크에 씁니다. 노드 하나는 예비입니다.",
		costs: []string{"측정값, 한 번에", "노드의 CPU", "Redis의 CPU", "둘 사이의 바이트", "복제본마다, 그리고 파일에 쓰는 바이트"},
		cost:  []string{"세션 확인: 페이지를 보여 주지 않는 요청", "유휴 기한 갱신, 추가분", "로그인", "종료, 추가분"},
		weights: "세션 하나는 인덱스를 포함해 Redis에서 %s바이트를, 끝난 세션은 기한까지 %s바이트를 차지합니다. PostgreSQL에서 원장의 한 행은 %s바이트, 감사 기록 한 건은 %s바이트입니다. " +
			"종료는 원장에 하나씩 차례로 쓰며, fsync 없이 하나에 %s 걸립니다.",
		live:  "살아 있는 세션",
		sizes: []string{"1만", "100만", "1억"},
		needs: []string{"초당 확인, 유휴 기한 갱신", "초당 로그인, 종료", "%d코어 노드 수(쓰이는 코어)", "Redis 마스터 수(쓰이는 코어)",
			"마스터마다 메모리 GB", "마스터마다, 노드마다 Redis와의 Mbit/s", "PostgreSQL의 초당 커밋",
			"원장과 감사 기록 GB", "마스터마다, PostgreSQL에 최대 연결 수(설정하지 않으면 10,000개와 100개까지)"},
		nodes: "%s (%s)", single: "1 (%s)", cluster: "%s, 클러스터 (%s)",
		beyond: "**마지막 열에는 원장 하나로 모자랍니다**. 세션 %[2]s 개의 종료를 쓰려면 전체 시간의 %[1]s가 필요합니다. 할 일은 아래에 있습니다.",
		smallest: "%d코어 노드 두 개(하나는 예비), 메모리 %s GB와 %s Mbit/s의 Redis 하나, 원장과 감사 기록에 %s GB를 쓰는 PostgreSQL 하나에서 시작해 늘어날 때, " +
			"먼저 차는 순서입니다.",
		breaks: []string{"무엇이", "살아 있는 세션 몇 개에서 차는가", "그때 할 일"},
		resource: map[Resource]string{
			NodeCPU: "노드의 CPU", Hashing: "로그인의 비밀번호 해시", RedisCPU: "Redis의 CPU", RedisMemory: "Redis의 메모리",
			RedisNetwork: "Redis의 네트워크", LedgerTurns: "원장의 차례", SQLDisk: "PostgreSQL의 디스크",
		},
		then: map[Resource]string{
			NodeCPU: "노드를 늘립니다. 노드끼리는 서로 필요한 것이 없습니다.",
			Hashing: "노드를 늘리거나 8코어까지 코어를 늘립니다. 확인이 기다리지 않도록 노드는 코어 둘마다 하나, 최대 네 개를 동시에 해시합니다. " +
				"그때까지 로그인은 기다리다가 503을 받지만 확인은 계속됩니다.",
			RedisCPU:     "Redis Cluster를 씁니다. 한 사용자의 세션은 함께 있고, 서로 다른 사용자의 세션은 마스터들에 나뉩니다.",
			RedisMemory:  "메모리를 늘리거나 Redis Cluster를 씁니다. 기한을 줄이면 세션도 줄어듭니다.",
			RedisNetwork: "Redis Cluster를 쓰거나 더 빠른 네트워크를 씁니다. 모든 노드가 모든 종료를 들으므로, 이 부분은 마스터가 아니라 노드 수에 따라 늘어납니다.",
			LedgerTurns: "커밋을 더 빨리 쓰는 디스크를 씁니다. 그다음은 사용자를 이름과 데이터베이스가 따로인 여러 설치본에 나눕니다. " +
				"저절로 만료되는 것은 원장에 쓰지 않으며, 여러 세션을 한꺼번에 끝내면 커밋 하나를 함께 씁니다.",
			SQLDisk: "`GATEHOUSE_AUDIT_KEPT`를 줄이거나 디스크를 늘립니다.",
		},
		minutes: "%d분", seconds: "%s초",
	},
}
