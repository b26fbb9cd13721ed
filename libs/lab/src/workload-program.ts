/**
 * What runs inside a lab's workload.
 *
 * `listen PORT NAME` answers every TCP connection on PORT with its name, and echoes on PORT + 1.
 * `probe PORT ADDRESS...` pings each address and connects to it, and prints as JSON which answered.
 * `stream PORT ADDRESS` sends numbered records to the echo of ADDRESS, checks what comes back, and on
 * SIGTERM waits for the rest and prints the counts as JSON.
 */
import { execFile } from 'node:child_process';
import { connect, createServer } from 'node:net';

const probeTimeoutMs = 1000;

function listen(port: number, name: string): void {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name}\n`);
  });
  server.listen(port, '::');
  const echo = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(port + 1, '::');
}

/** One record: a 32-bit number, padded so that a stream carries some weight. */
const recordBytes = 512;
const recordIntervalMs = 5;

function stream(port: number, address: string): void {
  let sent = 0;
  let echoed = 0;
  let offset = 0;
  let wrong = 0;
  let lastEchoAt = Date.now();
  let longestGapMs = 0;
  const socket = connect({ host: address, port: port + 1 });
  socket.setNoDelay(true);
  const report = (error?: string): void => {
    process.stdout.write(`${JSON.stringify({ sent, echoed, wrong, longestGapMs, error })}\n`);
    process.exit(0);
  };
  let buffered = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    longestGapMs = Math.max(longestGapMs, Date.now() - lastEchoAt);
    lastEchoAt = Date.now();
    buffered = Buffer.concat([buffered, chunk]);
    for (offset = 0; offset + recordBytes <= buffered.length; offset += recordBytes) {
      if (buffered.readUInt32BE(offset) !== echoed) wrong += 1;
      echoed += 1;
    }
    buffered = buffered.subarray(offset);
    if (timer === undefined && echoed === sent) report();
  });
  socket.once('error', (error) => {
    report(error.message);
  });
  socket.once('close', () => {
    report('the connection was closed');
  });
  let timer: NodeJS.Timeout | undefined = setInterval(() => {
    const record = Buffer.alloc(recordBytes);
    record.writeUInt32BE(sent, 0);
    sent += 1;
    socket.write(record);
  }, recordIntervalMs);
  process.once('SIGTERM', () => {
    clearInterval(timer);
    timer = undefined;
    if (echoed === sent) report();
    setTimeout(() => {
      report('records were still missing after 5 s');
    }, 5000);
  });
}

function probeTcp(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: probeTimeoutMs });
    const done = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('data', () => {
      done(true);
    });
    socket.once('timeout', () => {
      done(false);
    });
    socket.once('error', () => {
      done(false);
    });
  });
}

function probeIcmp(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('ping', ['-c', '1', '-W', '1', address], (error) => {
      resolve(error === null);
    });
  });
}

async function probe(port: number, addresses: readonly string[]): Promise<void> {
  const results = await Promise.all(
    addresses.map(async (address) => {
      const [icmp, tcp] = await Promise.all([probeIcmp(address), probeTcp(address, port)]);
      return { address, icmp, tcp };
    }),
  );
  process.stdout.write(`${JSON.stringify(results)}\n`);
}

const [action, port, ...rest] = process.argv.slice(2);
if (action === 'listen') listen(Number(port), rest[0] ?? '');
else if (action === 'probe') await probe(Number(port), rest);
else if (action === 'stream') stream(Number(port), rest[0] ?? '');
else {
  process.stderr.write('usage: workload listen PORT NAME | probe PORT ADDRESS... | stream PORT ADDRESS\n');
  process.exitCode = 2;
}
