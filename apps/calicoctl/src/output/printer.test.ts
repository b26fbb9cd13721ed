import { parseResource, type Resource } from '@calico-node/model';
import { describe, expect, it } from 'vitest';
import { parseFormat, printAnswers, type Answer } from './printer.ts';

function resource(kind: string, metadata: object, spec: object): Resource {
  return parseResource({ apiVersion: 'projectcalico.org/v3', kind, metadata, spec });
}

function list(...items: readonly Resource[]): Answer {
  const [first] = items;
  if (first === undefined) throw new Error('an empty list has no kind');
  return { type: 'list', kind: first.kind, items, revision: 42n };
}

function print(answers: readonly Answer[], output: string, showsNamespace = false): Promise<string> {
  return printAnswers(answers, { format: parseFormat(output), showsNamespace, context: { asNumber: 64512 } });
}

const pool = resource(
  'IPPool',
  { name: 'ippool-name1', resourceVersion: '7' },
  { cidr: '10.0.1.0/24', nodeSelector: "foo == 'bar'" },
);
const policy = resource(
  'NetworkPolicy',
  { name: 'allow-web', namespace: 'prod' },
  { order: 100, selector: "app == 'web' && !has(x)", types: ['Ingress'] },
);

describe('tables', () => {
  it('of a named resource have the bytes of calicoctl', async () => {
    expect(await print([{ type: 'one', resource: pool }], 'ps')).toBe(
      "NAME           CIDR          SELECTOR       \nippool-name1   10.0.1.0/24   foo == 'bar'   \n\n",
    );
  });

  it('come one for each argument', async () => {
    expect(
      await print(
        [
          { type: 'one', resource: pool },
          { type: 'one', resource: policy },
        ],
        'ps',
      ),
    ).toBe(
      `${[
        'NAME           CIDR          SELECTOR       ',
        "ippool-name1   10.0.1.0/24   foo == 'bar'   ",
        '',
        'NAME        TIER      ',
        'allow-web   default   ',
        '',
      ].join('\n')}\n`,
    );
  });

  it('are wide on request, and begin with the namespace where one was asked for', async () => {
    expect(await print([list(policy)], 'wide', true)).toBe(
      `${[
        'NAMESPACE   NAME        TIER      ORDER   SELECTOR                  ',
        "prod        allow-web   default   100     app == 'web' && !has(x)   ",
        '',
      ].join('\n')}\n`,
    );
    expect(await print([list(pool)], 'wide')).toBe(
      `${[
        'NAME           CIDR          NAT     IPIPMODE   VXLANMODE   DISABLED   DISABLEBGPEXPORT   SELECTOR       ASSIGNMENTMODE   ',
        "ippool-name1   10.0.1.0/24   false   Never      Never       false      false              foo == 'bar'   Automatic        ",
        '',
      ].join('\n')}\n`,
    );
  });

  it('of nodes show an inherited AS number in parentheses', async () => {
    const nodes = list(
      resource('Node', { name: 'n1' }, { bgp: { ipv4Address: '10.0.0.1/24' } }),
      resource('Node', { name: 'n2' }, { bgp: { ipv4Address: '10.0.0.2/24', asNumber: 65001 } }),
      resource('Node', { name: 'n3' }, {}),
    );
    expect(await print([nodes], 'wide')).toBe(
      `${[
        'NAME   ASN       IPV4          IPV6   ',
        'n1     (64512)   10.0.0.1/24          ',
        'n2     65001     10.0.0.2/24          ',
        'n3                                    ',
        '',
      ].join('\n')}\n`,
    );
  });

  it('of tiers are in the order in which the tiers apply', async () => {
    const tiers = list(
      resource('Tier', { name: 'default' }, { order: 1_000_000, defaultAction: 'Deny' }),
      resource('Tier', { name: 'security' }, { order: 100.5 }),
    );
    expect(await print([tiers], 'ps')).toBe('NAME       ORDER   \nsecurity   100.5   \ndefault    1e+06   \n\n');
  });

  it('have the columns that are asked for', async () => {
    expect(await print([list(policy)], 'custom-columns=name,Namespace')).toBe(
      'NAME        NAMESPACE   \nallow-web   prod        \n\n',
    );
    await expect(print([list(pool)], 'custom-columns=COLOUR')).rejects.toThrow('unknown output column COLOUR');
  });

  it('of nothing have headings only', async () => {
    expect(await print([{ type: 'list', kind: 'BGPPeer', items: [], revision: 1n }], 'ps')).toBe(
      'NAME   PEERIP   NODE   ASN   \n\n',
    );
  });
});

describe('whole resources', () => {
  it('are JSON in the order of the fields, escaped as Go does, without a newline at the end', async () => {
    expect(await print([{ type: 'one', resource: policy }], 'json')).toBe(`{
  "kind": "NetworkPolicy",
  "apiVersion": "projectcalico.org/v3",
  "metadata": {
    "name": "allow-web",
    "namespace": "prod",
    "labels": {
      "projectcalico.org/tier": "default"
    }
  },
  "spec": {
    "tier": "default",
    "order": 100,
    "selector": "app == 'web' \\u0026\\u0026 !has(x)",
    "types": [
      "Ingress"
    ]
  }
}`);
  });

  it('are a list when a kind was asked for, and an array when there were several arguments', async () => {
    expect(await print([list(pool)], 'yaml')).toBe(`apiVersion: projectcalico.org/v3
items:
- apiVersion: projectcalico.org/v3
  kind: IPPool
  metadata:
    name: ippool-name1
    resourceVersion: "7"
  spec:
    allowedUses:
    - Workload
    - Tunnel
    assignmentMode: Automatic
    blockSize: 26
    cidr: 10.0.1.0/24
    ipipMode: Never
    nodeSelector: foo == 'bar'
    vxlanMode: Never
kind: IPPoolList
metadata:
  resourceVersion: "42"
`);
    const several = JSON.parse(
      await print(
        [
          { type: 'one', resource: pool },
          { type: 'one', resource: policy },
        ],
        'json',
      ),
    ) as unknown[];
    expect(several).toHaveLength(2);
  });

  it('are names on request', async () => {
    expect(await print([list(pool), { type: 'one', resource: policy }], 'name')).toBe(
      'ippool.projectcalico.org/ippool-name1\nnetworkpolicy.projectcalico.org/allow-web\n',
    );
  });

  it('go through templates', async () => {
    expect(
      await print([list(pool)], 'go-template={{range .}}{{range .Items}}{{.Name}} {{.Spec.CIDR}}{{end}}{{end}}'),
    ).toBe('ippool-name1 10.0.1.0/24');
    expect(await print([{ type: 'one', resource: pool }], 'go-template={{.spec.cidr}} {{config "asNumber"}}')).toBe(
      '10.0.1.0/24 64512',
    );
    expect(await print([list(pool)], 'jsonpath={.items[*].spec.cidr}')).toBe('10.0.1.0/24');
    const both: Answer[] = [pool, policy].map((one) => ({ type: 'one', resource: one }));
    expect(await print(both, 'jsonpath={.items[*].kind}')).toBe('IPPool NetworkPolicy');
    await expect(print(both, 'go-template={{nope}}')).rejects.toThrow('template:1:3: function "nope" not defined');
    await expect(print(both, 'go-template-file=/nonexistent')).rejects.toThrow('no such file');
  });

  it('in an unknown format are refused', () => {
    expect(() => parseFormat('jsonpath=')).toThrow('needs a value');
    expect(() => parseFormat('xml')).toThrow("unrecognized output format 'xml'");
  });
});
