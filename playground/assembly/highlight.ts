/** Colours of assembly: CodeMirror's stream language. */
import { StreamLanguage, type StringStream } from '@codemirror/language';

const KEYWORD =
  /^(goto|gotol|may_goto|if|call|callx|exit|lock|ll|subprog|map|btf|skb|le16|le32|le64|be16|be32|be64|bswap16|bswap32|bswap64|addr_space_cast|atomic(64)?_\w+|load_acquire|store_release)$/;
const WORD = /^[A-Za-z_$.][\w$.]*/;

interface LineState {
  /** The directive whose line it is, "" in instructions. */
  directive: string;
  /** Word before, on this line. */
  before: string;
}

export const highlighting = StreamLanguage.define<LineState>({
  name: 'bpf-assembly',
  startState: () => ({ directive: '', before: '' }),
  copyState: (state) => ({ ...state }),
  languageData: { commentTokens: { line: ';' } },
  token(stream, state) {
    if (stream.sol()) {
      state.directive = '';
      state.before = '';
    }
    if (stream.eatSpace()) return null;
    if (stream.match(/^(;|\/\/).*/)) return 'comment';
    if (stream.match(/^"([^"\\]|\\.)*"?/)) return 'string';
    if (/^\s*$/.test(stream.string.slice(0, stream.pos)) && stream.match(/^\.[\w.$]*(?!\s*:)(?![\w.$])/)) {
      state.directive = stream.current();
      return 'meta';
    }
    return state.directive === '' ? instructionToken(stream, state) : directiveToken(stream, state);
  },
});

function directiveToken(stream: StringStream, state: LineState): string | null {
  const before = state.before;
  if (stream.match(/^(0[xX][\da-fA-F]+|\d+)(?![\w.$])/)) return 'number';
  if (!stream.match(/^[^\s";]+/)) {
    stream.next();
    return null;
  }
  state.before = stream.current();
  if (state.directive !== '.map') return state.directive === '.data' ? 'labelName' : 'typeName';
  if (before === '') return 'labelName';
  return /^(key|value|entries|flags|extra|inner|frozen)$/.test(state.before) ? 'keyword' : 'typeName';
}

function instructionToken(stream: StringStream, state: LineState): string | null {
  const { before } = state;
  if (stream.match(/^\w[\w.$]*(?=\s*:)(?!\d+\s*:)/) && !/^\d/.test(stream.current())) return 'labelName';
  if (stream.match(/^[rw](10|\d)(?![\w.$])/)) return 'variableName';
  if (stream.match(/^(0[xX][\da-fA-F]+|\d+)(?![\w.$])/)) return 'number';
  // What a log puts before an instruction.
  if (stream.match(/^\([\da-f]{2}\)(?=\s)/)) return 'comment';
  if (stream.match(/^[us](8|16|32|64)(?![\w.$])/)) return 'typeName';
  if (!stream.match(WORD)) {
    const next = stream.next();
    if (next === '[') state.before = `${before}[`;
    return null;
  }
  const word = stream.current();
  state.before = word;
  if (before === 'call') return stream.match(/^#-?\d+(@\d+)?/) || word ? 'variableName.function' : null;
  if (/^(goto|gotol|may_goto|subprog\[|map\[)$/.test(before)) return 'labelName';
  if (KEYWORD.test(word)) return 'keyword';
  return stream.match(/^\s*:/, false) ? 'labelName' : null;
}
