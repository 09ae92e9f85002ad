//! Cases from the real server, and that quantities are an algebra.

use proptest::prelude::*;

use super::*;

fn written(text: &str) -> String {
    Quantity::parse(text).unwrap().to_string()
}

#[test]
fn quantities_are_answered_as_the_real_server_answers_them() {
    let cases = [
        ("0", "0"),
        ("0n", "0"),
        ("0Mi", "0"),
        ("00", "0"),
        (".", "0"),
        ("1", "1"),
        ("+1", "+1"),
        ("01", "01"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("1.500", "1.500"),
        ("0.500", "500m"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("10e2", "1e3"),
        ("1e14", "100e12"),
        ("1.2e3", "1200"),
        ("1E-3", "1E-3"),
        ("1000E", "1"),
        ("12E", "12E"),
        ("100.035k", "100.035k"),
        ("0.0005k", "500m"),
        ("-1.5", "-1500m"),
        ("1024Ki", "1Mi"),
        ("8Ki", "8Ki"),
        ("109.375Ki", "112k"),
        ("7Mi", "7Mi"),
        ("1.5Gi", "1536Mi"),
        ("512Ki", "512Ki"),
        ("0.5Mi", "512Ki"),
        ("0.05Gi", "53687091200m"),
        ("0.5Ki", "512"),
        ("100.035Ki", "102435840m"),
        ("9Ei", "9223372036854775807"),
        ("9223372036854775807Ki", "9223372036854775807"),
        ("3Ei", "3Ei"),
        ("3.001n", "4n"),
        ("1.1E-9", "2e-9"),
        ("0.0000000001", "1n"),
        ("0.9n", "1n"),
        ("0.00000012345", "124n"),
        ("0.000000000001Ki", "2n"),
        (".001", "1m"),
        ("1.", "1."),
        ("1.G", "1.G"),
        ("-0.5Ki", "-512"),
    ];
    for (text, answer) in cases {
        assert_eq!(written(text), answer, "{text}");
    }
}

#[test]
fn what_is_no_quantity_is_refused_in_the_real_words() {
    for (text, error) in [
        ("", QuantityError::Format),
        ("1.1.M", QuantityError::Format),
        ("1+1.0M", QuantityError::Format),
        ("abc", QuantityError::Format),
        ("1 mi", QuantityError::Format),
        ("1mm", QuantityError::Suffix),
        ("1i", QuantityError::Suffix),
        ("0.1mi", QuantityError::Suffix),
        ("1e", QuantityError::Suffix),
        ("+-1", QuantityError::Suffix),
        ("Ei", QuantityError::Numeric),
        ("aoeu", QuantityError::Format),
        ("1Mi2", QuantityError::Suffix),
    ] {
        assert_eq!(Quantity::parse(text).unwrap_err(), error, "{text}");
    }
    assert_eq!(Quantity::canonical(&true.into()), Err(QuantityError::Format));
    assert_eq!(Quantity::canonical(&" 5 ".into()), Ok("5".to_owned()));
    assert_eq!(Quantity::canonical(&1000.into()), Ok("1k".to_owned()));
}

#[test]
fn amounts_compare() {
    let quantity = |text| Quantity::parse(text).unwrap();
    assert_eq!(quantity("1e300").compare(&quantity("1Ei")), Ordering::Greater);
    assert_eq!(quantity("0.5").compare(&quantity("500m")), Ordering::Equal);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "[-+]?[0-9.]{0,45}[eEinumkKMGTP]{0,2}[-+]?[0-9]{0,4}|\\PC*") {
        if let Ok(quantity) = Quantity::parse(&text) {
            let again = Quantity::parse(&quantity.to_string());
            prop_assert!(again.is_ok(), "{quantity}");
        }
    }

    #[test]
    fn the_answer_is_the_same_amount_and_stays_as_it_is(
        text in "-?[0-9]{1,6}(\\.[0-9]{1,4})?(n|u|m||k|M|G|Ki|Mi|Gi|e[0-9])",
    ) {
        let quantity = Quantity::parse(&text).unwrap();
        let again = Quantity::parse(&quantity.to_string()).unwrap();
        prop_assert_eq!(quantity.compare(&again), Ordering::Equal);
        prop_assert_eq!(again.to_string(), quantity.to_string());
    }
}
