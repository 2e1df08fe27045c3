/** A schema with every type there is, in every place where it may be. */
export const EVERY_TYPE = `
  namespace test;
  enum Colour : byte { Red = -1, Green = 1, Blue }
  enum Huge : ulong { Small = 1, Largest = 18446744073709551615 }
  enum Rights : ubyte (bit_flags) { Read, Write, Run }
  struct Point { x: byte; y: double; }
  struct Odd { a: ubyte; b: ubyte; c: ubyte; }
  struct Wide (force_align: 16) { x: float; tail: [ushort: 3]; points: [Point: 2]; }
  union Any { Leaf, Point, Odd, Wide, word: string }
  table Leaf { text: string; deep: Leaf; other: Any; }
  table Heavy { weight: double; small: bool; }
  table Old { kept: int; dropped: int (deprecated); last: int; }
  table Root {
    flag: bool; i8: byte; u8: ubyte; i16: short; u16: ushort; i32: int; u32: uint; i64: long;
    u64: ulong; f32: float; f64: double; seven: int = 7; maybe: short = null;
    colour: Colour = Green; huge: Huge = Small; rights: Rights;
    name: string; leaf: Leaf; point: Point; odd: Odd; wide: Wide; any: Any; many: [Any]; old: Old;
    flags: [bool]; i8s: [byte]; u8s: [ubyte]; i16s: [short]; u16s: [ushort]; i32s: [int];
    u32s: [uint]; i64s: [long]; u64s: [ulong]; f32s: [float]; f64s: [double];
    colours: [Colour]; names: [string]; leaves: [Leaf]; heavies: [Heavy]; points: [Point]; odds: [Odd]; wides: [Wide];
  }
  root_type Root;
  file_identifier "EVNT";
`;
