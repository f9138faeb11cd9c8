import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();

/** What the script says of a machine whose apt has these files below /etc/apt. */
const mirror = (files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) => {
  const apt = temp.make('apt');
  writeTree(apt, files);
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['util/debian-mirror.sh', apt], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  return { status, stdout, stderr: stderr.replaceAll(apt, 'APT') };
};

const found = (address: string) => ({ status: 0, stdout: `${address}\n`, stderr: '' });
const NONE = {
  status: 1,
  stdout: '',
  stderr: "no mirror of Debian in apt's sources (APT): set DEBIAN_MIRROR to the address of one\n",
};

const STANZA = `Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

describe('the mirror of Debian', () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'is that of a line',
      { 'sources.list': 'deb http://mirror.example/debian sid main\n' },
      'http://mirror.example/debian',
    ],
    [
      'is behind options and comments',
      {
        'sources.list':
          '# deb http://old.example/debian sid main\ndeb\t[ arch=amd64 signed-by=/k/debian-archive.gpg ]\thttp://new.example/d/ stable non-free main # here\n',
      },
      'http://new.example/d/',
    ],
    ['is that of a stanza', { 'sources.list.d/debian.sources': STANZA }, 'http://mirror.example/debian'],
    [
      'is a list of mirrors',
      { 'sources.list.d/debian.sources': STANZA.replace('http://mirror.example/', 'mirror+file:///etc/apt/mirrors/') },
      'mirror+file:///etc/apt/mirrors/debian',
    ],
    [
      'is in a field of several lines, in any case',
      {
        'sources.list.d/debian.sources': STANZA.replace('URIs: ', 'uris:\n# the near one\n ').replace(
          'Components: ',
          'components: contrib\n ',
        ),
      },
      'http://mirror.example/debian',
    ],
    [
      'is not one of sources alone, nor one that is switched off',
      {
        'sources.list.d/debian.sources': [
          STANZA.replace('deb', 'deb-src').replace('mirror.', 'sources.'),
          `${STANZA.replace('mirror.', 'off.')}Enabled: no\n`,
          STANZA,
        ].join('\n'),
      },
      'http://mirror.example/debian',
    ],
    [
      'is not that of security updates, nor a disc',
      {
        'sources.list':
          'deb cdrom:[Debian]/ bookworm main\ndeb http://security.example/debian-security bookworm-security main\ndeb http://mirror.example/debian bookworm main\n',
      },
      'http://mirror.example/debian',
    ],
    [
      'is not that of others, who have keys of their own',
      {
        'sources.list.d/a.list': 'deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example bookworm main\n',
        'sources.list.d/b.sources': STANZA.replace('mirror.', 'other.').replace(
          /^Signed-By.*$/m,
          'Signed-By:\n -----BEGIN\n .\n mQIN',
        ),
        'sources.list.d/c.sources': STANZA,
      },
      'http://mirror.example/debian',
    ],
  ])('%s', (_, files, address) => {
    expect(mirror(files)).toEqual(found(address));
  });

  test('is what DEBIAN_MIRROR says', () => {
    const env = { DEBIAN_MIRROR: 'http://localhost:3142/debian' };
    expect(mirror({ 'sources.list.d/debian.sources': STANZA }, env)).toEqual(found('http://localhost:3142/debian'));
    expect(mirror({}, env)).toEqual(found('http://localhost:3142/debian'));
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['apt has no sources', {}],
    ['they are another system’s', { 'sources.list': 'deb http://archive.example/ubuntu noble main\n' }],
    ['they are in a file that apt does not read', { 'sources.list.d/debian.sources.off': STANZA }],
  ])('is asked for where %s', (_, files) => {
    expect(mirror(files)).toEqual(NONE);
  });
});
