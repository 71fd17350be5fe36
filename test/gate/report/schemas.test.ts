/**
 * What other programs read, by the schemas they read it with: JUnit XML and SARIF. junit.xsd says where its facts are
 * from. sarif-2.1.0-rtm.5.json is the schema of SARIF 2.1.0 as the JSON Schema Store has it, taken out of the npm
 * package @microsoft/jest-sarif 1.0.0-beta.0 (MIT) and only indented anew; sarif-2.1.0.json is the one by which the SARIF
 * SDK validates, from the npm package @microsoft/sarif-multitool-linux 5.7.0 (MIT).
 */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { junit } from '../../../gate/report/junit.ts';
import { RULE_NAMES } from '../../../gate/report/rules.ts';
import { sarif } from '../../../gate/report/sarif.ts';
import { anyReport, check, finding, fixture, gateReport } from './fixture.ts';

const xsd = readFileSync(new URL('junit.xsd', import.meta.url), 'utf8');

async function xmlErrors(xml: string): Promise<string[]> {
  const { errors, valid } = await validateXML({
    xml: { fileName: 'junit.xml', contents: xml },
    schema: { fileName: 'junit.xsd', contents: xsd },
  });
  return valid ? [] : errors.map(({ message }) => message);
}

describe('JUnit', () => {
  it('is valid, with text of any kind', async () => {
    expect(await xmlErrors(junit(fixture()))).toEqual([]);
    expect(await xmlErrors(junit(gateReport([])))).toEqual([]);
  });

  it('is valid for any report', async () => {
    const reports = fc.sample(anyReport, { numRuns: 60, seed: 6 });
    const checks = reports.flatMap(({ checks }, i) => checks.map((one) => ({ ...one, variant: `v${i}` })));
    expect(await xmlErrors(junit(gateReport(checks)))).toEqual([]);
  });

  it.each<[string, (xml: string) => string]>([
    ['a missing count', (xml) => xml.replace(/ tests="\d+"/g, '')],
    ['a count that is none', (xml) => xml.replace(/failures="\d+"/, 'failures="some"')],
    ['an unknown element', (xml) => xml.replaceAll('failure', 'failing')],
    ['an unknown attribute', (xml) => xml.replace('<testcase ', '<testcase line="1" ')],
    ['a character that XML has not', (xml) => xml.replace('message of', '\x01')],
    ['bare markup', (xml) => xml.replace('&lt;script', '<script')],
  ])('is not valid with %s', async (_, damage) => {
    const xml = junit(fixture());
    expect(damage(xml)).not.toBe(xml);
    expect(await xmlErrors(damage(xml))).not.toEqual([]);
  });

  it('has a suite for each file, and the outcome of each check', () => {
    const allowed = { reason: 'known', expires: null };
    const xml = junit(
      gateReport([
        check({ file: 'a.o', name: 'good' }),
        check({
          file: 'a.o',
          name: 'bad',
          findings: [finding('rejected', { details: ['why'] }), finding('budget')],
        }),
        check({ file: 'b.o', name: 'known', findings: [finding('growth', { allowed })] }),
        check({ file: 'b.o', name: 'broken', findings: [finding('budget'), finding('crash')] }),
      ]),
    );
    expect(xml).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="drydock gate" tests="4" failures="1" errors="1">
  <testsuite name="a.o" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="good · 6.12" classname="a.o"/>
    <testcase name="bad · 6.12" classname="a.o">
      <failure message="message of rejected (and 1 more)" type="rejected">rejected: message of rejected
why

budget: message of budget</failure>
    </testcase>
  </testsuite>
  <testsuite name="b.o" tests="2" failures="0" errors="1" skipped="1">
    <testcase name="known · 6.12" classname="b.o">
      <skipped message="known, without end" type="growth">growth: message of growth
allowed: known, without end</skipped>
    </testcase>
    <testcase name="broken · 6.12" classname="b.o">
      <error message="message of crash (and 1 more)" type="crash">budget: message of budget

crash: message of crash</error>
    </testcase>
  </testsuite>
</testsuites>
`);
  });
});

interface SarifLog {
  runs: {
    tool: { driver: { version: string; rules: { id: string }[] } };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: {
        physicalLocation: {
          artifactLocation: { uri: string; uriBaseId?: string };
          region?: { startLine: number };
        };
        logicalLocations?: { name: string }[];
      }[];
      partialFingerprints: { [name: string]: string };
      suppressions?: { kind: string; justification: string }[];
    }[];
  }[];
}

/** Ajv knows draft 7. What sets draft 4 apart here are the names of the first two keywords. */
function sarifValidator(file: string) {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const { $schema: draft, id: _, ...schema } = JSON.parse(text) as { [keyword: string]: unknown };
  const options = { strict: false, unicodeRegExp: false };
  const ajv = String(draft).includes('2020-12') ? new Ajv2020(options) : new Ajv(options);
  addFormats.default(ajv);
  return ajv.compile(schema);
}

describe.each(['sarif-2.1.0-rtm.5.json', 'sarif-2.1.0.json'])('SARIF by %s', (file) => {
  const validate = sarifValidator(file);
  const parsed = (text: string) => JSON.parse(text) as SarifLog;
  const run = (report = fixture()) => parsed(sarif(report)).runs[0]!;

  it('is valid, with text of any kind', () => {
    validate(parsed(sarif(fixture())));
    expect(validate.errors).toBeNull();
    fc.assert(
      fc.property(anyReport, (report) => {
        validate(parsed(sarif(report)));
        expect(validate.errors).toBeNull();
      }),
    );
  });

  it.each<[string, (log: SarifLog) => void]>([
    ['an unknown level', (log) => Object.assign(log.runs[0]!.results[0]!, { level: 'fatal' })],
    ['no message', (log) => Object.assign(log.runs[0]!.results[0]!, { message: {} })],
    [
      'a line 0',
      (log) =>
        Object.assign(log.runs[0]!.results[0]!.locations[0]!.physicalLocation.region!, { startLine: 0 }),
    ],
    [
      'a bare space in a URI',
      (log) =>
        Object.assign(log.runs[0]!.results[0]!.locations[0]!.physicalLocation.artifactLocation, {
          uri: 'a b',
        }),
    ],
    ['an unknown field', (log) => Object.assign(log.runs[0]!, { extra: 1 })],
    ['no tool', (log) => Reflect.deleteProperty(log.runs[0]!, 'tool')],
  ])('is not valid with %s', (_, damage) => {
    const log = parsed(sarif(fixture()));
    damage(log);
    expect(validate(log)).toBe(false);
  });

  it('describes every rule, and refers to it by its index', () => {
    const { tool, results } = run();
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(RULE_NAMES);
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    expect(new Set(results.map(({ ruleId }) => ruleId))).toEqual(new Set(RULE_NAMES));
  });

  it('has what is allowed as suppressed notes, all else as errors', () => {
    const known = run().results.filter(({ suppressions }) => suppressions);
    expect(known.map(({ level }) => level)).toEqual(['note', 'note', 'note']);
    expect(known[0]?.suppressions).toEqual([
      {
        kind: 'external',
        status: 'accepted',
        justification: 'Known <since> & "6.12"; see #17, until 2026-12-31',
      },
    ]);
    const others = run().results.filter(({ suppressions }) => !suppressions);
    expect(new Set(others.map(({ level }) => level))).toEqual(new Set(['error']));
  });

  it('points to the source, or else to the object', () => {
    const place = { file: 'src/a b#ü.c', line: 7, text: 'x();' };
    const at = (source: typeof place | null, config = 'drydock.yaml') =>
      run(gateReport([check({ file: 'o/x%.o', findings: [finding('rejected', { source })] })], { config }))
        .results[0]!.locations[0]!.physicalLocation;
    expect(at(place)).toEqual({
      artifactLocation: { uri: 'src/a%20b%23%C3%BC.c', uriBaseId: '%SRCROOT%' },
      region: { startLine: 7, snippet: { text: 'x();' } },
    });
    expect(at(null)).toEqual({ artifactLocation: { uri: 'o/x%25.o', uriBaseId: '%SRCROOT%' } });
    expect(at(null, 'ci/gate/drydock.yaml').artifactLocation.uri).toBe('ci/gate/o/x%25.o');
    expect(at({ ...place, file: '/sources/a b.h' }).artifactLocation).toEqual({
      uri: 'file:///sources/a%20b.h',
    });
    expect(at({ ...place, file: 'C:\\x y\\a.c' }).artifactLocation).toEqual({ uri: 'file:///C:/x%20y/a.c' });
  });

  it('has fingerprints that are unique, and the same when numbers and lines move', () => {
    const prints = (report = fixture()) =>
      run(report).results.map(({ partialFingerprints }) => partialFingerprints['drydockFinding/v1']);
    const all = prints();
    expect(new Set(all).size).toBe(all.length);
    const moved = fixture().checks.map((one) => ({
      ...one,
      findings: one.findings.map((found) => ({
        ...found,
        message: '12 of 10',
        source: found.source && { ...found.source, line: found.source.line + 5 },
      })),
    }));
    expect(prints(gateReport(moved.reverse())).sort()).toEqual(all.sort());
  });
});
