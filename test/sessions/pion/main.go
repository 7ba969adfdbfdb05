// Two pion TURN clients in one process that talk over the relay only. See session.ts for the arguments and the answer.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/turn/v5"
)

const (
	pace = 250 * time.Millisecond
	// How long the last may take.
	late  = 3 * time.Second
	hello = "hello"
)

type order struct {
	Host      string  `json:"host"`
	Port      int     `json:"port"`
	Username  string  `json:"username"`
	Password  string  `json:"password"`
	Transport string  `json:"transport"`
	Seconds   float64 `json:"seconds"`
}

type answer struct {
	Sent       int        `json:"sent"`
	Missing    [2][]int   `json:"missing"`
	LongestGap [2]float64 `json:"longestGap"`
}

// listener notes what arrives, and the longest time in which nothing did.
type listener struct {
	sync.Mutex
	numbers map[string]bool
	longest time.Duration
	last    time.Time
}

func (l *listener) listen(conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		l.heard(string(buffer[:n]))
	}
}

func (l *listener) heard(text string) {
	l.Lock()
	defer l.Unlock()
	now := time.Now()
	if text != hello {
		l.numbers[text] = true
		l.longest = max(l.longest, now.Sub(l.last))
	}
	l.last = now
}

func (l *listener) missing(sent int) []int {
	l.Lock()
	defer l.Unlock()
	missing := []int{}
	for number := range sent {
		if !l.numbers[payload(number)] {
			missing = append(missing, number)
		}
	}

	return missing
}

// payload is longer than four octets, since pion holds back a ChannelData of fewer than nine octets from a stream
// until more has come (internal/proto/stun_conn.go: consumeSingleTURNFrame).
func payload(number int) string {
	return fmt.Sprintf("payload %d", number)
}

func (l *listener) hasHeard() bool {
	l.Lock()
	defer l.Unlock()

	return !l.last.IsZero()
}

func allocate(o order) (net.PacketConn, error) {
	server := net.JoinHostPort(o.Host, fmt.Sprint(o.Port))
	var conn net.PacketConn
	if o.Transport == "tcp" {
		stream, err := net.Dial("tcp", server)
		if err != nil {
			return nil, err
		}
		conn = turn.NewSTUNConn(stream)
	} else {
		socket, err := net.ListenPacket("udp", net.JoinHostPort(o.Host, "0"))
		if err != nil {
			return nil, err
		}
		conn = socket
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: server, TURNServerAddr: server, Conn: conn, Username: o.Username, Password: o.Password,
	})
	if err != nil {
		return nil, err
	}
	if err := client.Listen(); err != nil {
		return nil, err
	}

	return client.Allocate()
}

func run(o order) (answer, error) {
	var ends [2]net.PacketConn
	var listeners [2]*listener
	for i := range ends {
		conn, err := allocate(o)
		if err != nil {
			return answer{}, err
		}
		ends[i], listeners[i] = conn, &listener{numbers: map[string]bool{}}
		go listeners[i].listen(conn)
	}
	send := func(text string) error {
		for i, end := range ends {
			if _, err := end.WriteTo([]byte(text), ends[1-i].LocalAddr()); err != nil {
				return err
			}
		}

		return nil
	}
	for begun := time.Now(); !listeners[0].hasHeard() || !listeners[1].hasHeard(); time.Sleep(pace) {
		if time.Since(begun) > 30*time.Second {
			return answer{}, fmt.Errorf("the clients do not hear each other")
		}
		if err := send(hello); err != nil {
			return answer{}, err
		}
	}
	sent := 0
	for begun := time.Now(); time.Since(begun).Seconds() < o.Seconds; time.Sleep(pace) {
		if err := send(payload(sent)); err != nil {
			return answer{}, err
		}
		sent++
	}
	time.Sleep(late)
	a, b := listeners[0], listeners[1]

	return answer{
		Sent:       sent,
		Missing:    [2][]int{b.missing(sent), a.missing(sent)},
		LongestGap: [2]float64{b.longest.Seconds(), a.longest.Seconds()},
	}, nil
}

func main() {
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		panic(err)
	}
	result, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
