import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AttributeWriter } from './attribute-writer.ts';
import { controlType, encodeMessages, messageFlag, readAcknowledgement, readMessages } from './message.ts';

const requests = fc.array(
  fc.record({ type: fc.nat(0xffff), flags: fc.constantFrom(0, 0x400, 0x600), body: fc.uint8Array({ maxLength: 50 }) }),
  { minLength: 1, maxLength: 8 },
);

function acknowledgement(errno: number, flags: number, request: Uint8Array, attributes: Uint8Array) {
  const body = new Uint8Array(4 + request.length + attributes.length);
  new DataView(body.buffer).setInt32(0, errno, true);
  body.set(request, 4);
  body.set(attributes, 4 + request.length);
  return { type: controlType.error, flags, sequence: 1, portId: 1, body };
}

describe('messages', () => {
  test('read back as they were framed, with rising sequence numbers and one acknowledgement asked for', () => {
    fc.assert(
      fc.property(requests, fc.nat(1_000_000), (sent, firstSequence) => {
        const ackIndex = sent.length - 1;
        const read = [...readMessages(encodeMessages(sent, firstSequence, ackIndex))];
        expect(read).toEqual(
          sent.map((request, index) => ({
            type: request.type,
            flags: request.flags | messageFlag.request | (index === ackIndex ? messageFlag.ack : 0),
            sequence: firstSequence + index,
            portId: 0,
            body: request.body,
          })),
        );
      }),
    );
  });

  test('with impossible lengths are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const message of readMessages(bytes)) expect(message.body.length).toBeLessThanOrEqual(bytes.length - 16);
        } catch (error) {
          expect(error).toMatchObject({ code: 'EBADMSG' });
        }
      }),
    );
  });
});

describe('readAcknowledgement', () => {
  const request = encodeMessages([{ type: 24, flags: 0, body: new Uint8Array(40) }], 1, 0);
  const explanation = new AttributeWriter().string(1, 'Nexthop has invalid gateway').u32(2, 36).u32(5, 7).finish();
  const explained = { errno: 101, detail: 'Nexthop has invalid gateway', attributeOffset: 36, missingAttribute: 7 };

  test('finds the explanation behind the echoed request', () => {
    expect(readAcknowledgement(acknowledgement(-101, messageFlag.ackAttributes, request, explanation))).toEqual(
      explained,
    );
  });

  test('finds the explanation behind a capped echo', () => {
    const flags = messageFlag.ackAttributes | messageFlag.capped;
    expect(readAcknowledgement(acknowledgement(-101, flags, request.subarray(0, 16), explanation))).toEqual(explained);
  });

  test('reads success', () => {
    expect(
      readAcknowledgement(acknowledgement(0, messageFlag.capped, request.subarray(0, 16), new Uint8Array(0))),
    ).toMatchObject({
      errno: 0,
      detail: undefined,
    });
  });
});
