// A client of the compat tests on franz-go: see ../run.py for what it must do.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go client:", err)
		os.Exit(1)
	}
}

func produce(ctx context.Context, bootstrap, topic, compression string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(codec(compression)), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.AllowAutoTopicCreation())
	fail(err)
	defer client.Close()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		key, value, _ := bytes.Cut(bytes.Clone(lines.Bytes()), []byte("\t"))
		client.Produce(ctx, &kgo.Record{Key: key, Value: value, Partition: 0}, func(_ *kgo.Record, err error) { fail(err) })
	}
	fail(client.Flush(ctx))
}

func consume(ctx context.Context, bootstrap, topic string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	fail(err)
	defer client.Close()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for next := int64(0); ; {
		short, cancel := context.WithTimeout(ctx, 30*time.Second)
		fetches := client.PollFetches(short)
		cancel()
		end := int64(-1)
		fetches.EachError(func(_ string, _ int32, err error) { fail(err) })
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			end = p.HighWatermark
			for _, r := range p.Records {
				fmt.Fprintf(out, "%d\t%s\t%s\n", r.Offset, r.Key, r.Value)
				next = r.Offset + 1
			}
		})
		if end >= 0 && next >= end {
			return
		}
	}
}

// Prints "assigned N" for each assignment, and each record, until it is ended.
func consumeGroup(ctx context.Context, bootstrap, topic, group string) {
	assigned := 0
	changed := func(step int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			assigned += step * len(partitions[topic])
			fmt.Println("assigned", assigned)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitInterval(200*time.Millisecond),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.OnPartitionsAssigned(changed(1)), kgo.OnPartitionsRevoked(changed(-1)), kgo.OnPartitionsLost(changed(-1)))
	fail(err)
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { fmt.Printf("record %s\n", r.Value) })
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if len(os.Args) == 5 && os.Args[1] == "produce" {
		produce(ctx, os.Args[2], os.Args[3], os.Args[4])
	} else if len(os.Args) == 4 && os.Args[1] == "consume" {
		consume(ctx, os.Args[2], os.Args[3])
	} else if len(os.Args) == 5 && os.Args[1] == "consume_group" {
		consumeGroup(ctx, os.Args[2], os.Args[3], os.Args[4])
	} else {
		fmt.Fprintln(os.Stderr, "usage: client produce BOOTSTRAP TOPIC CODEC | consume BOOTSTRAP TOPIC | consume_group BOOTSTRAP TOPIC GROUP")
		os.Exit(2)
	}
}
