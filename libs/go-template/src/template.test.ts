import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TemplateError } from './template-error.ts';
import { Template } from './template.ts';

const render = (text: string, data: unknown = {}): string => new Template(text).render(data);

const pools = [
  {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPoolList',
    metadata: { resourceVersion: '7' },
    items: [
      {
        kind: 'IPPool',
        metadata: { name: 'a', labels: { x: '1', y: '2' } },
        spec: { cidr: '10.0.0.0/8', blockSize: 26 },
      },
      { kind: 'IPPool', metadata: { name: 'b' }, spec: { cidr: 'fd00::/48', blockSize: 122, allowedUses: ['Tunnel'] } },
    ],
  },
];

describe('a template', () => {
  it.each([
    ['plain text', {}, 'plain text'],
    ['{{.a.b}} {{ .a.c }}', { a: { b: 1, c: 'x' } }, '1 x'],
    ['{{.missing}} {{.missing.deeper}}', {}, '<no value> <no value>'],
    ['{{.}}', { b: [1, 'x', true, null], a: { z: 1.5 } }, 'map[a:map[z:1.5] b:[1 x true <nil>]]'],
    ['a {{- " b " -}} c', {}, 'a b c'],
    [
      '{{range .a}}{{block "T" .b}}<{{.}}{{$}}>{{end}}{{end}}{{template "T" 7}}',
      { a: [{ b: 1 }, { b: 2 }] },
      '<11><22><77>',
    ],
    ['{{define "T"}}<{{.}}>{{end}}{{template "T" .a}}{{template "T"}}', { a: 1 }, '<1><<no value>>'],
    ['a\n  {{- /* a comment }} */ -}}\n  b{{/**/}} c', {}, 'ab c'],
    ['{{"\\t\\u00e9\\x41\\"" }}{{`\\n`}}{{\'x\'}}{{0x10}}{{-3}}{{1.5e3}}', {}, '\té' + 'A"\\n120' + '16-31500'],
    ['{{if .a}}1{{else if .b}}2{{else}}3{{end}}', { b: [0] }, '2'],
    ['{{if .a}}1{{else if .b}}2{{else}}3{{end}}', { a: '', b: {} }, '3'],
    ['{{with .a}}{{.b}}{{else}}none{{end}}{{with .c}}{{else with .d}}{{.}}{{end}}', { a: { b: 1 }, d: 2 }, '12'],
    ['{{range .l}}<{{.}}>{{else}}none{{end}}{{range .no}}x{{else}}none{{end}}', { l: [1, 2] }, '<1><2>none'],
    ['{{range $i, $e := .l}}{{$i}}={{$e}} {{end}}{{range $e := .l}}{{$e}}{{end}}', { l: ['a', 'b'] }, '0=a 1=b ab'],
    ['{{range $k, $v := .m}}{{$k}}:{{$v}};{{end}}', { m: { b: 1, a: 2 } }, 'a:2;b:1;'],
    ['{{range 3}}{{.}}{{end}}', {}, '012'],
    ['{{range .}}{{if eq . 2}}{{continue}}{{end}}{{if gt . 3}}{{break}}{{end}}{{.}}{{end}}', [1, 2, 3, 4, 5], '13'],
    ['{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{$x}}{{$y}}{{end}}{{$x}}', {}, '232'],
    ['{{$x := 1}}{{with 5}}{{$x := .}}{{$x}}{{end}}{{$x}} {{$.a}}', { a: 'root' }, '51 root'],
    ['{{.a | printf "%s-%s" "b"}}', { a: 'x' }, 'b-x'],
    [
      '{{printf "%05d|%-4s|%4s|%q|%.2f|%v|%t|%x|%%|%+d" 42 "a" "b" "c" 1.234 .l true 255 1}}',
      { l: [1] },
      '00042|a   |   b|"c"|1.23|[1]|true|ff|%|+1',
    ],
    ['{{printf "%d" "x"}}{{printf "%s %s" "a"}}{{printf "a" 1}}', {}, '%!d(string=x)a %!s(MISSING)a%!(EXTRA int=1)'],
    ['{{print 1 2 "a" 3}}{{println "x" 1}}', {}, '1 2a3x 1\n'],
    [
      '{{len .l}}{{len "é"}}{{index .l 1}}{{index .m "a-b" "c"}}{{slice "abc" 1 2}}',
      { l: [1, 2], m: { 'a-b': { c: 3 } } },
      '2223b',
    ],
    [
      '{{eq 1 1}}{{eq "a" "b" "a"}}{{ne 1 2}}{{lt 1 2}}{{le "a" "a"}}{{gt 1 2}}{{ge 2 2}}',
      {},
      'truetruetruetruetruefalsetrue',
    ],
    ['{{and 1 0 (index .l 9)}}{{or 0 "x" (index .l 9)}}{{not 0}}', { l: [] }, '0xtrue'],
    [
      '{{join .l ","}} {{join .m ";"}} {{joinAndTruncate .l "," 4}}',
      { l: ['a', 'b', 'c'], m: { y: 1, x: 2 } },
      'a,b,c x=2;y=1 a...',
    ],
    ['{{(index .l 0).name}}{{(printf "%s" "x") | printf "<%s>"}}', { l: [{ name: 'n' }] }, 'n<x>'],
    ['{{1e6}} {{1e21}} {{0.00001}}', {}, '1000000 1e+21 1e-05'],
  ])('%j', (text, data, expected) => {
    expect(render(text, data)).toBe(expected);
  });

  it('takes the names of Go fields as well as those of JSON', () => {
    expect(
      render('{{range .}}{{range .Items}}{{.ObjectMeta.Name}}={{.Spec.CIDR}},{{.Name}} {{end}}{{end}}', pools),
    ).toBe('a=10.0.0.0/8,a b=fd00::/48,b ');
    expect(render('{{range .}}{{.Kind}} {{.TypeMeta.Kind}} {{.ListMeta.ResourceVersion}}{{end}}', pools)).toBe(
      'IPPoolList IPPoolList 7',
    );
  });

  it('may name the fields of a list of one as if it stood alone', () => {
    expect(render('{{range .items}}{{.metadata.name}}{{"\\n"}}{{end}}', pools)).toBe('a\nb\n');
    expect(() => render('{{.items}}', [...pools, ...pools])).toThrow(
      "can't evaluate field items in type []interface {}",
    );
  });

  it.each([
    ['a\n{{.b', '2:1: unclosed action'],
    ['{{if .a}}x', '1:1: {{if}} without {{end}}'],
    ['{{if .a}}{{else}}{{else}}{{end}}', '1:1: {{if}} without {{end}}'],
    ['{{end}}', '1:1: unexpected {{end}}'],
    ['{{}}', '1:3: missing value for command'],
    ['{{nope .a}}', '1:3: function "nope" not defined'],
    ['{{$x}}', '1:3: undefined variable $x'],
    ['{{if 1}}{{$x := 1}}{{end}}{{$x}}', 'undefined variable $x'],
    ['{{$x = 1}}', 'undefined variable $x'],
    ['{{.a .b}}', '1:6: only a function takes arguments'],
    ['{{"a"}}\n {{"b}}', '2:4: unterminated quoted string'],
    ['{{"\\z"}}', 'unknown escape \\z'],
    ['{{(len .a}}', '1:3: unclosed left parenthesis'],
    ['{{len .a)}}', 'expected }}'],
    ['{{1 | 2}}', 'cannot take the result'],
    ['{{break}}', '{{break}} outside {{range}}'],
    ['{{template x}}', "expected a template's name in quotes"],
    ['{{block "x"}}{{end}}', 'missing value for command'],
    ['{{block "x" .}}', '{{block}} without {{end}}'],
    ['{{block "x" .}}{{end}}{{define "x"}}{{end}}', 'template "x" is defined twice'],
    ['{{range .}}{{block "x" .}}{{break}}{{end}}{{end}}', '{{break}} outside {{range}}'],
    ['{{$y := 1}}{{block "x" .}}{{$y}}{{end}}', 'undefined variable $y'],
    ['{{if 1}}{{define "x"}}{{end}}{{end}}', '{{define}} within another action'],
    ['{{define "x"}}', '{{define}} without {{end}}'],
    ['{{define "x"}}{{end}}{{define "x"}}{{end}}', 'template "x" is defined twice'],
    ['{{$y := 1}}{{define "x"}}{{$y}}{{end}}', 'undefined variable $y'],
    ['{{&}}', 'unexpected "&"'],
  ])('that is wrong is refused with its place: %j', (text, message) => {
    expect(() => new Template(text)).toThrow(message);
  });

  it.each([
    ['{{template "x"}}', '1:1: template "x" not defined'],
    ['{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', 'call each other too deeply'],
  ])('that calls templates wrongly fails when applied: %j', (text, message) => {
    expect(() => render(text)).toThrow(message);
  });

  it.each([
    ['\n {{index .l 5}}', { l: [] }, '2:4: error calling index: index out of range: 5'],
    ['{{.a.b}}', { a: 'text' }, "1:5: can't evaluate field b in type string"],
    ['{{range .a}}{{end}}', { a: 'text' }, "1:9: range can't iterate over text"],
    ['{{eq 1 "a"}}', {}, 'incompatible types for comparison'],
    ['{{lt .l 1}}', { l: [] }, 'incompatible types'],
    ['{{len 3}}', {}, 'len of type int'],
    ['{{1 | .a}}', {}, 'only a function takes what stands before'],
  ])('that does not fit the data says where: %j', (text, data, message) => {
    expect(() => render(text, data)).toThrow(message);
  });

  it('never fails in another way, whatever it is', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      'if',
      'range',
      'end',
      'else',
      ' ',
      '.',
      '.a',
      '$',
      '$x',
      ':=',
      '|',
      '(',
      ')',
      '"',
      'index',
      'printf',
      '1',
      '-',
      '/*',
      '*/',
      '=',
      ',',
      'x',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.jsonValue(), (pieces, data) => {
        try {
          render(pieces.join(''), data);
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
