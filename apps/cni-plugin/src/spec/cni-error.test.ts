import { expect, test } from 'vitest';
import { CniError, renderError, toCniError } from './cni-error.ts';

test('an error object has version, code, message, and the causes as details', () => {
  const cause = new Error('connection refused', { cause: new Error('errno 111') });
  const error = new CniError(11, 'the datastore does not answer', { cause, details: 'try http://e:2379' });
  expect(JSON.parse(renderError(error, '1.0.0'))).toEqual({
    cniVersion: '1.0.0',
    code: 11,
    msg: 'the datastore does not answer',
    details: 'try http://e:2379; connection refused <- errno 111',
  });
});

test('an error object has no details when there are none', () => {
  expect(JSON.parse(renderError(toCniError(new Error('x')), '0.2.0'))).toEqual({
    cniVersion: '0.2.0',
    code: 100,
    msg: 'x',
  });
  expect(JSON.parse(renderError(toCniError('y', 5), '0.2.0'))).toMatchObject({ code: 5, msg: 'y' });
});
