"""Sources: annotations as Kinetics has them, trees and tars of clips, and what of them is there."""
