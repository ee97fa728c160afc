//! The text of a JSON object in one way of many: no blanks, members by name.
//!
//! Numbers and strings stay as they were written, since reading them could make two of them one. So
//! `1` and `1.0` are told apart, and what is told apart in vain is only fetched once more.

/// Objects and lists within each other whose members are put in order; what is deeper keeps its
/// order.
const DEEPEST: usize = 64;

/// The canonical form of a JSON text. Of a text that is not JSON it is anything, and the same each
/// time.
pub(super) fn canonical(text: &str) -> Vec<u8> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    reader.value(0)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Vec<u8> {
        match self.peek() {
            Some(b'{') if depth < DEEPEST => {
                let mut members = self.elements(b'}', |reader| {
                    let name = reader.scalar();
                    // The colon.
                    reader.take();
                    (name, reader.value(depth + 1))
                });
                // A name that is there twice keeps its values in their order.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                let members = members.into_iter().map(|(mut name, value)| {
                    name.push(b':');
                    name.extend(value);
                    name
                });
                written(b'{', members, b'}')
            }
            Some(b'[') if depth < DEEPEST => {
                let elements = self.elements(b']', |reader| reader.value(depth + 1));
                written(b'[', elements.into_iter(), b']')
            }
            Some(b'{' | b'[') => self.nested(),
            _ => self.scalar(),
        }
    }

    fn elements<T>(&mut self, end: u8, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        self.take();
        let mut all = Vec::new();
        while let Some(next) = self.peek() {
            match next {
                _ if next == end => {
                    self.take();
                    break;
                }
                b',' => {
                    self.take();
                }
                _ => {
                    let before = self.at;
                    all.push(one(self));
                    if self.at == before {
                        // Not JSON: go on, or this would never end.
                        self.take();
                    }
                }
            }
        }
        all
    }

    /// A string with its quotes, or a number or a word, up to what follows it.
    fn scalar(&mut self) -> Vec<u8> {
        let from = self.at_next();
        if self.peek() == Some(b'"') {
            self.string();
        } else {
            let ends = |byte: &u8| b",:]} \t\r\n".contains(byte);
            while self.text.get(self.at).is_some_and(|byte| !ends(byte)) {
                self.at += 1;
            }
        }
        self.text.get(from..self.at).unwrap_or_default().to_vec()
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
    }

    /// An object or a list, without its blanks.
    fn nested(&mut self) -> Vec<u8> {
        let (mut open, mut written) = (0usize, Vec::new());
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                written.extend(self.scalar());
                continue;
            }
            self.take();
            written.push(byte);
            match byte {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
        written
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let at = self.at_next();
        self.text.get(at).copied()
    }

    fn take(&mut self) {
        self.at = self.at_next() + 1;
    }

    fn at_next(&mut self) -> usize {
        let blank = |byte: &u8| b" \t\r\n".contains(byte);
        while self.text.get(self.at).is_some_and(blank) {
            self.at += 1;
        }
        self.at
    }
}

fn written(open: u8, parts: impl Iterator<Item = Vec<u8>>, close: u8) -> Vec<u8> {
    let mut all = vec![open];
    for (place, part) in parts.enumerate() {
        if place > 0 {
            all.push(b',');
        }
        all.extend(part);
    }
    all.push(close);
    all
}
